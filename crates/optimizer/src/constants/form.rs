//! What is known of a value before the program runs: of numbers their value, of tensors their extents, in terms of the
//! parameters of the function that they are computed in.

use super::fold;
use ir::{Expr, ExprKind, Op, Program, Scalar, Type, VarId};
use std::collections::HashMap;

/// Parts of a number: what is longer is not followed.
const LONGEST: usize = 24;

#[derive(Clone, PartialEq, Debug)]
pub enum Form {
    Number(Number),
    Tensor(Vec<Option<Number>>),
    Tuple(Vec<Form>),
    Unknown,
}

/// A whole number.
#[derive(Clone, PartialEq, Debug)]
pub enum Number {
    Int(i64),
    /// What a parameter holds at the end of a path of fields: itself, or the extent of one of its axes.
    Of(VarId, Vec<usize>, Option<usize>),
    Op(Op, Scalar, Vec<Number>),
    Cast(Scalar, Box<Number>),
}

impl Number {
    pub fn as_int(&self) -> Option<i64> {
        if let Number::Int(value) = self { Some(*value) } else { None }
    }

    /// An operation on numbers, evaluated where all of them are known.
    fn apply(op: Op, scalar: Scalar, operands: Vec<Number>) -> Option<Number> {
        let known: Option<Vec<i64>> = operands.iter().map(Number::as_int).collect();
        let size: usize = operands.iter().map(Number::size).sum();
        match known {
            Some(known) => fold::integers(op, &known, scalar).map(Number::Int),
            None => (size < LONGEST).then_some(Number::Op(op, scalar, operands)),
        }
    }

    fn cast(scalar: Scalar, number: Number) -> Option<Number> {
        match number {
            Number::Int(value) => fold::in_range(value, scalar).then_some(Number::Int(value)),
            other => (other.size() < LONGEST).then(|| Number::Cast(scalar, Box::new(other))),
        }
    }

    fn size(&self) -> usize {
        match self {
            Number::Int(_) | Number::Of(..) => 1,
            Number::Op(_, _, operands) => 1 + operands.iter().map(Number::size).sum::<usize>(),
            Number::Cast(_, inner) => 1 + inner.size(),
        }
    }

    /// The number where the parameters are these.
    fn with(&self, parameters: &HashMap<VarId, Form>) -> Option<Number> {
        match self {
            Number::Int(value) => Some(Number::Int(*value)),
            Number::Of(var, path, axis) => {
                let form = path.iter().try_fold(parameters.get(var)?, |form, field| form.field(*field))?;
                match (form, axis) {
                    (Form::Number(number), None) => Some(number.clone()),
                    (Form::Tensor(extents), Some(axis)) => extents.get(*axis)?.clone(),
                    _ => None,
                }
            }
            Number::Op(op, scalar, operands) => {
                let operands = operands.iter().map(|operand| operand.with(parameters)).collect::<Option<_>>()?;
                Number::apply(*op, *scalar, operands)
            }
            Number::Cast(scalar, inner) => Number::cast(*scalar, inner.with(parameters)?),
        }
    }
}

impl Form {
    /// A parameter that calls do not agree on, or have not been seen to.
    pub fn of_parameter(var: VarId, program: &Program) -> Form {
        Form::at(var, &mut Vec::new(), &program.vars[var.index()].ty, program)
    }

    fn at(var: VarId, path: &mut Vec<usize>, ty: &Type, program: &Program) -> Form {
        let mut fields = |types: &[&Type]| {
            let field = |(k, ty): (usize, &&Type)| {
                path.push(k);
                let form = Form::at(var, path, ty, program);
                path.pop();
                form
            };
            Form::Tuple(types.iter().enumerate().map(field).collect())
        };
        match ty {
            Type::Scalar(scalar) if scalar.is_int() => Form::Number(Number::Of(var, path.clone(), None)),
            Type::Tensor(_, rank) => {
                Form::Tensor((0..*rank).map(|axis| Some(Number::Of(var, path.clone(), Some(axis)))).collect())
            }
            Type::Tuple(items) => fields(&items.iter().collect::<Vec<_>>()),
            Type::Struct(id) => {
                fields(&program.structs[id.index()].fields.iter().map(|(_, ty)| ty).collect::<Vec<_>>())
            }
            _ => Form::Unknown,
        }
    }

    pub fn field(&self, field: usize) -> Option<&Form> {
        if let Form::Tuple(fields) = self { fields.get(field) } else { None }
    }

    /// The extents that are known, if any is.
    pub fn extents(&self) -> Option<Vec<Option<i64>>> {
        let Form::Tensor(extents) = self else { return None };
        let known: Vec<Option<i64>> = extents.iter().map(|extent| extent.as_ref().and_then(Number::as_int)).collect();
        known.iter().any(Option::is_some).then_some(known)
    }

    /// What holds of both.
    pub fn join(&self, other: &Form) -> Form {
        match (self, other) {
            (Form::Number(a), Form::Number(b)) if a == b => self.clone(),
            (Form::Tensor(a), Form::Tensor(b)) if a.len() == b.len() => {
                Form::Tensor(a.iter().zip(b).map(|(a, b)| a.clone().filter(|_| a == b)).collect())
            }
            (Form::Tuple(a), Form::Tuple(b)) if a.len() == b.len() => {
                Form::Tuple(a.iter().zip(b).map(|(a, b)| a.join(b)).collect())
            }
            _ => Form::Unknown,
        }
    }

    /// The form where the parameters are these.
    pub fn with(&self, parameters: &HashMap<VarId, Form>) -> Form {
        match self {
            Form::Number(number) => number.with(parameters).map_or(Form::Unknown, Form::Number),
            Form::Tensor(extents) => {
                Form::Tensor(extents.iter().map(|extent| extent.as_ref()?.with(parameters)).collect())
            }
            Form::Tuple(fields) => Form::Tuple(fields.iter().map(|field| field.with(parameters)).collect()),
            Form::Unknown => Form::Unknown,
        }
    }

    /// What is known without parameters.
    pub fn settled(&self) -> Form {
        self.with(&HashMap::new())
    }

    /// Of a value whose extents these expressions are.
    pub fn of_extents<'e>(extents: impl Iterator<Item = &'e Expr>, known: &HashMap<VarId, Form>) -> Form {
        // Negative extents are empty.
        let cut = |number| Number::apply(Op::Max, Scalar::I64, vec![number, Number::Int(0)]);
        Form::Tensor(extents.map(|extent| number(extent, known).and_then(cut)).collect())
    }
}

/// A whole number, as far as its operands are known.
pub fn number(e: &Expr, known: &HashMap<VarId, Form>) -> Option<Number> {
    let scalar = e.ty.scalar().filter(|scalar| scalar.is_int())?;
    match &e.kind {
        ExprKind::Int(value) => Some(Number::Int(*value)),
        ExprKind::Var(_) | ExprKind::Field(..) => match place(e, known)? {
            Form::Number(number) => Some(number.clone()),
            _ => None,
        },
        ExprKind::Dim(tensor, axis) => match place(tensor, known)? {
            Form::Tensor(extents) => extents.get(*axis)?.clone(),
            _ => None,
        },
        ExprKind::Cast(inner) => Number::cast(scalar, number(inner, known)?),
        ExprKind::Op(op, operands) => {
            let operands = operands.iter().map(|operand| number(operand, known)).collect::<Option<_>>()?;
            Number::apply(*op, scalar, operands)
        }
        _ => None,
    }
}

/// The same, from what is known of what stands directly below.
pub fn number_above(e: &Expr, below: Vec<Form>, known: &HashMap<VarId, Form>) -> Option<Number> {
    let scalar = e.ty.scalar().filter(|scalar| scalar.is_int())?;
    let mut below = below.into_iter().map(|form| match form {
        Form::Number(number) => Some(number),
        _ => None,
    });
    match &e.kind {
        ExprKind::Cast(_) => Number::cast(scalar, below.next()??),
        ExprKind::Op(op, _) => Number::apply(*op, scalar, below.collect::<Option<_>>()?),
        _ => number(e, known),
    }
}

/// A variable, or a field of one.
fn place<'f>(e: &Expr, known: &'f HashMap<VarId, Form>) -> Option<&'f Form> {
    match &e.kind {
        ExprKind::Var(var) => known.get(var),
        ExprKind::Field(inner, field) => place(inner, known)?.field(*field),
        _ => None,
    }
}
