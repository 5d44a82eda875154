//! A benchmark: its module's statements, then `kernel` called with what `inputs` gives.

use crate::ty::{Ty, Val};
use crate::{Checker, Cx, errors};
use diagnostics::{Span, Symbol};
use ir::{ExprKind, FuncId, Stmt, VarKind};

impl Checker<'_> {
    /// Ends `main` in the call of the kernel.
    pub(crate) fn check_bench(&mut self, main: FuncId) {
        let entry = self.modules.entry;
        let find = |this: &mut Self, name: &str| match this.modules.lookup(entry, Symbol::new(name)) {
            Some(crate::modules::Item::Fn(def, module)) => Some(this.fn_ref(def, module)),
            _ => {
                let d = errors::unknown_name(Span::default(), name, None);
                this.report(d.help("a benchmark defines `pub fn inputs()` and `pub fn kernel(…)`"));
                None
            }
        };
        let (Some(inputs), Some(kernel)) = (find(self, "inputs"), find(self, "kernel")) else { return };
        let span = inputs.def.signature;
        let root = self.root(entry);
        let saved = std::mem::replace(&mut self.cx, Cx::new(root, true));
        let made = self.call_def(&inputs, Vec::new(), span);
        let made = self.named(made);
        let args: Vec<Val> = match made.ty.clone() {
            Ty::Tuple(items) => {
                (0..items.len()).map(|k| self.project(made.clone(), k, items[k].clone(), span)).collect()
            }
            Ty::Unit => Vec::new(),
            _ => vec![made],
        };
        if !args.iter().any(|arg| arg.ty.is_error()) {
            let args = args.into_iter().map(|arg| self.of_any_extents(arg)).collect();
            let result = self.call_def(&kernel, args, kernel.def.signature);
            let mut statements = std::mem::take(&mut self.cx.sink);
            let call = match statements.pop() {
                Some(Stmt::Let(var, call)) if result.as_var() == Some(var) => call,
                last => {
                    statements.extend(last);
                    result.expr
                }
            };
            let info = &mut self.program.funcs[main.index()];
            if let (ExprKind::Call(kernel, _), ExprKind::Block(all, value)) = (&call.kind, &mut info.body.kind) {
                self.program.bench = Some(ir::Bench { inputs: main, kernel: *kernel });
                all.extend(statements);
                info.result = call.ty.clone();
                info.body.ty = call.ty.clone();
                **value = call;
            }
        }
        self.cx = saved;
    }

    /// A kernel is compiled for any extents.
    fn of_any_extents(&mut self, arg: Val) -> Val {
        let ty = self.forget_extents(&arg.ty);
        let span = arg.span();
        let var = self.new_var(Symbol::new(""), &ty, span, VarKind::Temp);
        self.cx.sink.push(Stmt::Let(var, arg.expr));
        Val::var(var, crate::owned(var, &ty), span)
    }
}
