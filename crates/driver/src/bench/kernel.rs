//! Turns a program with `inputs` and `kernel` into two functions: one that gives the kernel's arguments, and the kernel.
//!
//! Both may read bindings of the module. So the checker lets `main` make them, and the inputs, and end in a call of the
//! kernel; closing the functions (`lift`) adds what the kernel needs to that call; and what `main` then gives are the
//! arguments of the call instead.

use crate::errors;
use diagnostics::Diagnostic;
use ir::{Bench, Expr, ExprKind, FuncId, Program, Scalar, Type};

pub enum ResultKind {
    Scalar(Scalar),
    Tensor,
}

/// How the words of the kernel are to be read.
pub struct Outputs {
    pub argument_words: usize,
    /// One word each.
    pub results: Vec<ResultKind>,
}

/// Makes `main` give the arguments of the call that it ends in.
pub fn arguments_of_kernel(program: &mut Program) -> Result<(), String> {
    let Some(Bench { inputs, .. }) = program.bench else { return Err("there is no kernel to measure".to_owned()) };
    let func = &mut program.funcs[inputs.index()];
    let ExprKind::Block(_, value) = &mut func.body.kind else { return Err("`main` is no block".to_owned()) };
    let ExprKind::Call(_, args) = &mut value.kind else { return Err("`main` does not end in a call".to_owned()) };
    let args = std::mem::take(args);
    let ty = Type::Tuple(args.iter().map(|arg| arg.ty.clone()).collect());
    **value = Expr { kind: ExprKind::Tuple(args), ty: ty.clone(), span: value.span };
    func.body.ty = ty.clone();
    func.result = ty;
    program.main = None;
    Ok(())
}

/// What is wrong with a kernel whose result has no sum.
pub fn not_measurable(program: &Program) -> Option<Diagnostic> {
    let kernel = &program.funcs[program.bench?.kernel.index()];
    let unfit = collect(&kernel.result, &mut Vec::new()).err()?;
    Some(errors::kernel_result(kernel.span, &ir::type_name(program, unfit)))
}

pub fn outputs_of(program: &Program) -> Result<Outputs, String> {
    let Some(Bench { inputs, kernel }) = program.bench else { return Err("there is no kernel".to_owned()) };
    let result = |func: FuncId| &program.funcs[func.index()].result;
    let mut results = Vec::new();
    collect(result(kernel), &mut results).map_err(|unfit| format!("{unfit:?} cannot be measured"))?;
    Ok(Outputs { argument_words: words(program, result(inputs)), results })
}

/// The words of a kernel's result, or the type in it that has no sum.
fn collect<'t>(ty: &'t Type, results: &mut Vec<ResultKind>) -> Result<(), &'t Type> {
    match ty {
        Type::Scalar(scalar) => results.push(ResultKind::Scalar(*scalar)),
        Type::Tensor(elem, _) if elem.scalar().is_some() => results.push(ResultKind::Tensor),
        Type::Unit => {}
        Type::Tuple(items) => items.iter().try_for_each(|item| collect(item, results))?,
        unfit => return Err(unfit),
    }
    Ok(())
}

fn words(program: &Program, ty: &Type) -> usize {
    match ty {
        Type::Unit | Type::Never => 0,
        Type::Tuple(items) => items.iter().map(|item| words(program, item)).sum(),
        Type::Struct(id) => program.structs[id.index()].fields.iter().map(|(_, ty)| words(program, ty)).sum(),
        Type::Range => 2,
        Type::Scalar(_) | Type::Str | Type::Tensor(..) | Type::Dyn | Type::List(_) | Type::Enum(_) => 1,
    }
}
