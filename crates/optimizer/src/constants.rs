//! Numbers that the program writes down stand where they are used: in the functions that read them, as arguments of
//! calls that all agree, and as the results of arithmetic on them. So do extents, which follow from the ranges of the
//! families that tensors come from. Loops then have ends that are known, and what their families store can be decided
//! before the program runs.
//!
//! A first walk, callees first, finds what each function gives in terms of its parameters; a second one, callers first,
//! what the parameters are.

mod fold;
mod form;

use crate::calls::CallGraph;
use form::{Form, Number};
use ir::{Expr, ExprKind, FuncId, Program, Stmt, Type, VarId};
use std::collections::HashMap;

/// What all calls that were seen pass for a parameter.
#[derive(Clone)]
enum Argument {
    Unseen,
    Always(Form, Option<Expr>),
    Varies,
}

/// Replaces variables and extents that are known before the program runs, and notes the extents of tensors.
pub fn constants(program: &mut Program) {
    put(program, true);
}

/// The same with whole numbers and truth values alone: in front of differentiation, which needs the variables of others.
pub fn whole_numbers(program: &mut Program) {
    put(program, false);
}

fn put(program: &mut Program, floats: bool) {
    let graph = CallGraph::new(program);
    let arguments: Vec<Vec<Argument>> =
        program.funcs.iter().map(|func| vec![Argument::Unseen; func.params.len()]).collect();
    let mut pass = Constants {
        forms: HashMap::new(),
        known: HashMap::new(),
        arguments: arguments.clone(),
        params: program.funcs.iter().map(|func| func.params.clone()).collect(),
        results: vec![Form::Unknown; program.funcs.len()],
        floats,
    };
    for func in graph.groups.iter().flatten() {
        pass.function(program, *func);
        if graph.recursive[func.index()] {
            pass.results[func.index()] = Form::Unknown;
        }
    }
    pass.arguments = arguments;
    for group in graph.groups.iter().rev() {
        for func in group {
            if group.len() == 1 {
                pass.parameters(program, *func);
            }
            pass.function(program, *func);
        }
    }
    program.extents = pass.forms.iter().filter_map(|(var, form)| Some((*var, form.extents()?))).collect();
}

struct Constants {
    /// What is known of the variables that were met.
    forms: HashMap<VarId, Form>,
    /// Variables that are numbers or truth values.
    known: HashMap<VarId, Expr>,
    arguments: Vec<Vec<Argument>>,
    params: Vec<Vec<VarId>>,
    /// What functions give, in terms of their parameters.
    results: Vec<Form>,
    floats: bool,
}

impl Constants {
    /// Notes what the calls of a function, all of whose callers beside itself are done, agree on.
    fn parameters(&mut self, program: &Program, id: FuncId) {
        let func = &program.funcs[id.index()];
        let mut own = std::mem::take(&mut self.arguments[id.index()]);
        func.body.walk(&mut |e| {
            if let ExprKind::Call(callee, args) = &e.kind
                && *callee == id
            {
                for ((argument, arg), param) in own.iter_mut().zip(args).zip(&func.params) {
                    if !matches!(arg.kind, ExprKind::Var(var) if var == *param) {
                        *argument = Argument::Varies;
                    }
                }
            }
        });
        for (argument, param) in own.iter().zip(&func.params) {
            if let Argument::Always(form, value) = argument {
                if let Some(value) = value {
                    self.known.insert(*param, value.clone());
                }
                self.forms.insert(*param, form.clone());
            }
        }
        self.arguments[id.index()] = own;
    }

    fn function(&mut self, program: &mut Program, id: FuncId) {
        for param in self.params[id.index()].clone() {
            let unknown = || Form::of_parameter(param, program);
            self.forms.entry(param).or_insert_with(unknown);
        }
        let body = &mut program.funcs[id.index()].body;
        self.results[id.index()] = self.expr(body);
    }

    /// Works on an expression, and says what is known of its value.
    fn expr(&mut self, e: &mut Expr) -> Form {
        match &mut e.kind {
            ExprKind::Var(var) => {
                let form = self.forms.get(var).cloned();
                if let Some(value) = self.known.get(var)
                    && value.ty == e.ty
                {
                    e.kind = value.kind.clone();
                }
                form.unwrap_or(Form::Unknown)
            }
            ExprKind::Block(stmts, value) => {
                stmts.iter_mut().for_each(|stmt| self.statement(stmt));
                self.expr(value)
            }
            ExprKind::Call(callee, args) => {
                let callee = callee.index();
                let args: Vec<(Form, Option<Expr>)> =
                    args.iter_mut().map(|arg| (self.expr(arg), self.is_known(arg).then(|| arg.clone()))).collect();
                let settled = |form: &Form| form.settled();
                for (argument, (form, value)) in self.arguments[callee].iter_mut().zip(&args) {
                    argument.join(&settled(form), value.as_ref());
                }
                let forms = self.params[callee].iter().copied().zip(args.into_iter().map(|(form, _)| form)).collect();
                self.results[callee].with(&forms)
            }
            ExprKind::Tuple(items) => Form::Tuple(items.iter_mut().map(|item| self.expr(item)).collect()),
            ExprKind::Field(inner, field) => self.expr(inner).field(*field).cloned().unwrap_or(Form::Unknown),
            ExprKind::If(cond, yes, no) => {
                self.expr(cond);
                let (yes_form, no_form) = (self.expr(yes), self.expr(no));
                let form = match (&yes.ty, &no.ty) {
                    (Type::Never, _) => no_form,
                    (_, Type::Never) => yes_form,
                    _ => yes_form.join(&no_form),
                };
                self.fold(e);
                form
            }
            ExprKind::StopGradient(inner) | ExprKind::Checkpoint(inner) => self.expr(inner),
            ExprKind::CheckShape(inner, wanted) => match self.expr(inner) {
                Form::Tensor(extents) => {
                    let sure = |(extent, wanted): (Option<Number>, &Option<i64>)| wanted.map(Number::Int).or(extent);
                    Form::Tensor(extents.into_iter().zip(wanted.iter()).map(sure).collect())
                }
                _ => Form::Tensor(wanted.iter().map(|wanted| wanted.map(Number::Int)).collect()),
            },
            ExprKind::Literal(shape, items) => {
                let form = Form::Tensor(shape.iter().map(|extent| Some(Number::Int(*extent as i64))).collect());
                items.iter_mut().for_each(|item| drop(self.expr(item)));
                form
            }
            ExprKind::Family(family) => {
                family.for_each_child_mut(|child| drop(self.expr(child)));
                self.family(family)
            }
            ExprKind::Dim(tensor, _) => {
                self.expr(tensor);
                let form = form::number(e, &self.forms);
                if let Some(extent) = form.as_ref().and_then(Number::as_int)
                    && e.ty.scalar().is_some_and(|scalar| fold::in_range(extent, scalar))
                {
                    e.kind = ExprKind::Int(extent);
                }
                form.map_or(Form::Unknown, Form::Number)
            }
            _ => {
                let mut below = Vec::new();
                e.for_each_child_mut(|child| below.push(self.expr(child)));
                self.fold(e);
                form::number_above(e, below, &self.forms).map_or(Form::Unknown, Form::Number)
            }
        }
    }

    fn statement(&mut self, stmt: &mut Stmt) {
        match stmt {
            Stmt::Let(var, value) => {
                let form = self.expr(value);
                self.forms.insert(*var, form);
                if self.is_known(value) {
                    self.known.insert(*var, value.clone());
                }
            }
            Stmt::Do(e) => drop(self.expr(e)),
            Stmt::Rec(recurrence) => {
                // What a family reads of itself may ask for its extents.
                for (var, family) in &recurrence.families {
                    let form = self.family(family);
                    self.forms.insert(*var, form);
                }
                stmt.for_each_child_mut(|child| drop(self.expr(child)));
                let Stmt::Rec(recurrence) = stmt else { return };
                for (var, family) in &recurrence.families {
                    let form = self.family(family);
                    self.forms.insert(*var, form);
                }
            }
        }
    }

    fn family(&self, family: &ir::Family) -> Form {
        Form::of_extents(family.axes.iter().map(|axis| &axis.extent), &self.forms)
    }

    fn is_known(&self, e: &Expr) -> bool {
        match e.kind {
            ExprKind::Int(_) | ExprKind::Bool(_) => true,
            ExprKind::Float(_) => self.floats,
            _ => false,
        }
    }

    fn fold(&self, e: &mut Expr) {
        if let Some(kind) = fold::folded(e) {
            e.kind = kind;
        } else if let Some(branch) = fold::chosen(e) {
            *e = branch;
        }
    }
}

impl Argument {
    fn join(&mut self, form: &Form, value: Option<&Expr>) {
        *self = match self {
            Argument::Unseen => Argument::Always(form.clone(), value.cloned()),
            Argument::Always(known, old) => {
                let agreed = value.filter(|value| old.as_ref().is_some_and(|old| same_constant(old, value)));
                Argument::Always(known.join(form), agreed.cloned())
            }
            Argument::Varies => return,
        };
    }
}

fn same_constant(a: &Expr, b: &Expr) -> bool {
    a.ty == b.ty
        && match (&a.kind, &b.kind) {
            (ExprKind::Int(a), ExprKind::Int(b)) => a == b,
            (ExprKind::Float(a), ExprKind::Float(b)) => a.to_bits() == b.to_bits(),
            (ExprKind::Bool(a), ExprKind::Bool(b)) => a == b,
            _ => false,
        }
}
