//! Rules that call their own function on a tangent: `@fn f(x) { f(@x) }` says that `f` is linear. Such a call means what
//! the function's body computes; by its rule, it would be derived without an end.

use crate::depend::moves_with;
use ir::{Expr, ExprKind, FuncId, Program, Stmt, VarId, WhereItem};
use std::collections::{HashMap, HashSet};

/// Lets calls on tangents that come back to the rule go to copies of the functions that have no rule.
pub fn untie(program: &mut Program) {
    let mut copies = HashMap::new();
    for k in 0..program.funcs.len() {
        let Some(rule) = program.funcs[k].rule else { continue };
        let reaching = reaching(program, rule);
        let body = &program.funcs[rule.index()].body;
        let params = program.funcs[rule.index()].params.iter().copied();
        let mut moving: HashSet<VarId> =
            params.filter(|p| program.vars[p.index()].name.as_str().starts_with('@')).collect();
        while spread(body, &mut moving) {}
        let mut body = body.clone();
        redirect(program, &mut body, &reaching, &mut copies, &|e| {
            let ExprKind::Call(_, args) = &e.kind else { return false };
            args.iter().any(|arg| moves_with(arg).iter().any(|v| moving.contains(v)))
        });
        program.funcs[rule.index()].body = body;
    }
}

/// The functions whose derivatives need that of a rule.
fn reaching(program: &Program, rule: FuncId) -> HashSet<FuncId> {
    let mut found = HashSet::from([rule]);
    loop {
        let before = found.len();
        for (k, func) in program.funcs.iter().enumerate() {
            let mut reaches = func.rule.is_some_and(|r| found.contains(&r));
            func.body.walk(&mut |e| reaches |= matches!(&e.kind, ExprKind::Call(callee, _) if found.contains(callee)));
            if reaches {
                found.insert(FuncId(k as u32));
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// Adds the variables that are defined by something that moves; whether there were any.
fn spread(body: &Expr, moving: &mut HashSet<VarId>) -> bool {
    let before = moving.len();
    let mut define = |var: VarId, value: &Expr| {
        if moves_with(value).iter().any(|v| moving.contains(v)) {
            moving.insert(var);
        }
    };
    body.walk(&mut |e| match &e.kind {
        ExprKind::Block(statements, _) => {
            for statement in statements {
                match statement {
                    Stmt::Let(var, value) => define(*var, value),
                    Stmt::Rec(rec) => {
                        rec.families.iter().for_each(|(var, family)| family.for_each_child(|e| define(*var, e)));
                    }
                    Stmt::Do(_) => {}
                }
            }
        }
        ExprKind::Family(family) => {
            family.clauses.iter().flat_map(|clause| &clause.wheres).for_each(|item| definition(item, &mut define));
        }
        ExprKind::Reduce(reduce) => reduce.wheres.iter().for_each(|item| definition(item, &mut define)),
        _ => {}
    });
    moving.len() > before
}

fn definition(item: &WhereItem, define: &mut dyn FnMut(VarId, &Expr)) {
    if let WhereItem::Def(var, value) = item {
        define(*var, value);
    }
}

fn redirect(
    program: &mut Program,
    body: &mut Expr,
    reaching: &HashSet<FuncId>,
    copies: &mut HashMap<FuncId, FuncId>,
    picked: &dyn Fn(&Expr) -> bool,
) {
    body.walk_mut(&mut |e| {
        let picked = picked(e);
        if let ExprKind::Call(callee, _) = &mut e.kind
            && picked
            && reaching.contains(callee)
        {
            *callee = plain(program, *callee, reaching, copies);
        }
    });
}

fn plain(
    program: &mut Program,
    func: FuncId,
    reaching: &HashSet<FuncId>,
    copies: &mut HashMap<FuncId, FuncId>,
) -> FuncId {
    if let Some(copy) = copies.get(&func) {
        return *copy;
    }
    let id = FuncId(program.funcs.len() as u32);
    copies.insert(func, id);
    let mut copy = program.funcs[func.index()].clone();
    copy.rule = None;
    let names: HashMap<VarId, VarId> = copy
        .params
        .iter()
        .map(|param| {
            let info = program.vars[param.index()].clone();
            program.vars.push(info);
            (*param, VarId(program.vars.len() as u32 - 1))
        })
        .collect();
    copy.params.iter_mut().for_each(|param| *param = names[param]);
    copy.body = ir::visit::refresh(&copy.body, program);
    ir::visit::rename(&mut copy.body, &names);
    program.funcs.push(copy.clone());
    let mut body = copy.body;
    redirect(program, &mut body, reaching, copies, &|_| true);
    program.funcs[id.index()].body = body;
    id
}
