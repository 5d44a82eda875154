//! `--profile`: statements outside of loops that are worth a measurement say when they begin and end.

use super::expr::is_big;
use super::function::Lower;
use ir::loops::{Ex, St, Ty};
use ir::{ExprKind, Stmt};

/// Whether a span was begun.
#[must_use]
pub struct Begun(bool);

impl Lower<'_, '_> {
    pub fn begin_span(&mut self, stmt: &Stmt) -> Begun {
        let wanted = self.options().profile && !self.kernel && !self.in_loop() && is_worth(stmt);
        if wanted {
            let vars = &self.program().vars;
            let (names, span): (Vec<&str>, _) = match stmt {
                Stmt::Let(var, _) => (vec![vars[var.index()].name.as_str()], vars[var.index()].span),
                Stmt::Rec(recurrence) => {
                    let families = recurrence.families.iter().map(|(var, _)| vars[var.index()].name.as_str());
                    (families.collect(), recurrence.families[0].1.span)
                }
                Stmt::Do(e) => (Vec::new(), e.span),
            };
            let site = self.site("", span, &[&names.join(", ")]);
            self.emit(St::Rt {
                name: "span_begin",
                args: vec![Ex::Int(Ty::I32, site.0 as i64)],
                results: Vec::new(),
                site: None,
            });
        }
        Begun(wanted)
    }

    pub fn end_span(&mut self, Begun(begun): Begun) {
        if begun {
            self.emit(St::Rt { name: "span_end", args: Vec::new(), results: Vec::new(), site: None });
        }
    }
}

fn is_worth(stmt: &Stmt) -> bool {
    let (Stmt::Let(_, e) | Stmt::Do(e)) = stmt else { return true };
    let mut found = false;
    e.walk(&mut |e| found |= is_big(e) || matches!(e.kind, ExprKind::Builtin(ir::Builtin::Print, _)));
    found
}
