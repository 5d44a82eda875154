//! Choices: `if` chains, and `match` where the variant of a value decides.

use super::Source;
use super::expr::level;
use crate::expr::*;
use crate::types::*;

impl Source<'_> {
    pub(super) fn choice(&mut self, e: &Expr, settled: bool) -> String {
        if let Some((var, _)) = tested(e) {
            return self.arms(e, var, settled);
        }
        let ExprKind::If(cond, yes, no) = &e.kind else { return self.braced(e, settled) };
        let cond = self.expr(cond, level::OR, false);
        let yes = self.lazily(|s| s.braced(yes, settled));
        let no = match &no.kind {
            ExprKind::Unit => String::new(),
            ExprKind::If(..) if tested(no).is_none() => format!(" else {}", self.lazily(|s| s.choice(no, settled))),
            _ => format!(" else {}", self.lazily(|s| s.braced(no, settled))),
        };
        format!("if {cond} {yes}{no}")
    }

    /// A chain of tests of one variable.
    fn arms(&mut self, e: &Expr, var: VarId, settled: bool) -> String {
        let ty = self.program.vars[var.index()].ty.clone();
        let mut left: Vec<usize> = (0..self.variants(&ty)).collect();
        let mut lines = Vec::new();
        let mut rest = e;
        self.indent += 1;
        while let (Some((of, k)), ExprKind::If(_, yes, no)) = (tested(rest), &rest.kind) {
            if of != var {
                break;
            }
            lines.push(self.arm(&ty, var, k, yes, settled));
            left.retain(|v| *v != k);
            rest = no;
        }
        match left[..] {
            [] => {}
            [last] => lines.push(self.arm(&ty, var, last, rest, settled)),
            _ => {
                let value = self.lazily(|s| s.expr(rest, level::ANY, settled));
                lines.push(format!("_ => {value},"));
            }
        }
        self.indent -= 1;
        format!("match {} {}", self.name(var), self.braces(&lines))
    }

    fn arm(&mut self, ty: &Type, var: VarId, k: usize, value: &Expr, settled: bool) -> String {
        let mut fields: Vec<Option<String>> = vec![None; self.fields(ty, k)];
        let mut value = value.clone();
        // Bindings of the user's pattern.
        if let ExprKind::Block(stmts, _) = &mut value.kind {
            let bindings = stmts.iter().take_while(|s| binds(s, var, k, &fields).is_some()).count();
            for stmt in stmts.drain(..bindings) {
                if let Stmt::Let(bound, Expr { kind: ExprKind::Payload(_, _, field), .. }) = stmt {
                    let name = self.name(bound);
                    match &fields[field] {
                        None => fields[field] = Some(name),
                        // A second name of one field.
                        Some(first) => {
                            let first = first.clone();
                            self.names.vars.insert(bound, first);
                        }
                    }
                }
            }
        }
        let mut read = vec![false; fields.len()];
        value.walk(&mut |e| {
            if let ExprKind::Payload(of, variant, field) = &e.kind
                && matches!(of.kind, ExprKind::Var(v) if v == var)
                && *variant == k
            {
                read[*field] = true;
            }
        });
        for (field, read) in fields.iter_mut().zip(read) {
            if read && field.is_none() {
                *field = Some(self.fresh());
            }
        }
        for (field, name) in fields.iter().enumerate() {
            if let Some(name) = name {
                self.payloads.insert((var, k, field), name.clone());
            }
        }
        let pattern = self.pattern(ty, k, &fields);
        let value = self.lazily(|s| s.expr(&value, level::ANY, settled));
        for field in 0..fields.len() {
            self.payloads.remove(&(var, k, field));
        }
        format!("{pattern} => {value},")
    }

    /// A field of a variant that the value is known to be.
    pub(super) fn payload(&mut self, of: &Expr, variant: usize, field: usize) -> (String, u8) {
        if let ExprKind::Var(var) = of.kind
            && let Some(name) = self.payloads.get(&(var, variant, field))
        {
            return (name.clone(), level::POSTFIX);
        }
        let name = self.fresh();
        let mut fields = vec![None; self.fields(&of.ty, variant)];
        fields[field] = Some(name.clone());
        let pattern = self.pattern(&of.ty, variant, &fields);
        let rest = if self.variants(&of.ty) > 1 { ", _ => panic(\"another variant\")" } else { "" };
        let of = self.expr(of, level::ANY, false);
        (format!("match {of} {{ {pattern} => {name}{rest} }}"), level::ANY)
    }

    pub(super) fn variants(&self, ty: &Type) -> usize {
        match ty {
            Type::Enum(id) => self.program.enums[id.index()].variants.len(),
            _ => 0,
        }
    }

    /// Variants that the compiler made, one for each of some functions, may have one name.
    pub(super) fn variant_name(&self, id: EnumId, k: usize) -> String {
        let variants = &self.program.enums[id.index()].variants;
        let name = variants[k].name;
        match variants[..k].iter().filter(|variant| variant.name == name).count() {
            0 => name.to_string(),
            before => format!("{name}_{before}"),
        }
    }

    fn fields(&self, ty: &Type, k: usize) -> usize {
        match ty {
            Type::Enum(id) => self.program.enums[id.index()].variants[k].fields.len(),
            _ => 0,
        }
    }

    pub(super) fn pattern(&self, ty: &Type, k: usize, fields: &[Option<String>]) -> String {
        let Type::Enum(id) = ty else { return "_".to_owned() };
        let variant = &self.program.enums[id.index()].variants[k];
        let path = format!("{}::{}", self.names.enums[id.index()], self.variant_name(*id, k));
        let field = |k: usize| fields.get(k).cloned().flatten();
        match &variant.names {
            Some(names) => {
                let bound = names.iter().enumerate().filter_map(|(k, name)| Some(format!("{name}: {}", field(k)?)));
                let bound: Vec<String> = bound.chain(["..".to_owned()]).collect();
                format!("{path} {{ {} }}", bound.join(", "))
            }
            None if variant.fields.is_empty() => path,
            None => {
                let items: Vec<String> =
                    (0..variant.fields.len()).map(|k| field(k).unwrap_or("_".to_owned())).collect();
                format!("{path}({})", items.join(", "))
            }
        }
    }

    pub(super) fn variant(&mut self, ty: &Type, k: usize, items: &[Expr]) -> String {
        let Type::Enum(id) = ty else { return self.list(items) };
        let variant = self.program.enums[id.index()].variants[k].clone();
        let path = format!("{}::{}", self.names.enums[id.index()], self.variant_name(*id, k));
        match &variant.names {
            Some(names) => {
                let fields: Vec<String> = names
                    .iter()
                    .zip(items)
                    .map(|(name, e)| format!("{name}: {}", self.expr(e, level::ANY, false)))
                    .collect();
                format!("{path} {{ {} }}", fields.join(", "))
            }
            None if items.is_empty() => path,
            None => format!("{path}({})", self.list(items)),
        }
    }
}

/// The variable and the variant that an `if` tests.
fn tested(e: &Expr) -> Option<(VarId, usize)> {
    let ExprKind::If(cond, _, _) = &e.kind else { return None };
    match &cond.kind {
        ExprKind::IsVariant(of, k) => match of.kind {
            ExprKind::Var(var) => Some((var, *k)),
            _ => None,
        },
        _ => None,
    }
}

fn binds(stmt: &Stmt, var: VarId, k: usize, fields: &[Option<String>]) -> Option<usize> {
    let Stmt::Let(_, Expr { kind: ExprKind::Payload(of, variant, field), .. }) = stmt else { return None };
    (matches!(of.kind, ExprKind::Var(v) if v == var) && *variant == k && *field < fields.len()).then_some(*field)
}
