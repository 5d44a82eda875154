//! The checked program. Everything that is a tensor is a family of cells; everything else is script.

use crate::files::FileOp;
use crate::ops::Op;
use crate::types::*;
use diagnostics::{Span, Symbol};
use std::collections::HashMap;
use std::rc::Rc;

#[derive(Clone, Debug, Default)]
pub struct Program {
    pub vars: Vec<Var>,
    pub funcs: Vec<Func>,
    pub structs: Vec<StructInfo>,
    pub enums: Vec<EnumInfo>,
    /// The statements of the entry file, and what `einc bench` calls.
    pub main: Option<FuncId>,
    pub bench: Option<Bench>,
    /// Functions that most runs do not call.
    pub seldom: Vec<FuncId>,
    /// Extents of tensors that are known before the program runs, as far as a pass has found them out.
    pub extents: HashMap<VarId, Vec<Option<i64>>>,
    /// Extents of tensor variables by axis, as far as the checker knew them.
    pub checked_extents: HashMap<(VarId, usize), KnownExtent>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KnownExtent {
    Constant(i64),
    /// That of an axis of a variable of the same function.
    Of(VarId, usize),
}

impl Program {
    /// Works on the body of every function, with the rest of the program at hand.
    pub fn rewrite(&mut self, mut work: impl FnMut(&mut Expr, &mut Program, FuncId)) {
        for k in 0..self.funcs.len() {
            let span = self.funcs[k].span;
            let nothing = Expr { kind: ExprKind::Unit, ty: Type::Unit, span };
            let mut body = std::mem::replace(&mut self.funcs[k].body, nothing);
            work(&mut body, self, FuncId(k as u32));
            self.funcs[k].body = body;
        }
    }

    /// What is known of an extent, as an `i64`.
    pub fn known_extent(&self, var: VarId, axis: usize, span: Span) -> Option<Expr> {
        let (kind, ty) = match self.checked_extents.get(&(var, axis))? {
            KnownExtent::Constant(extent) => (ExprKind::Int(*extent), Type::I64),
            KnownExtent::Of(var, axis) => {
                let ty = self.vars[var.index()].ty.clone();
                let tensor = Expr { kind: ExprKind::Var(*var), ty, span };
                let dim = Expr { kind: ExprKind::Dim(Box::new(tensor), *axis), ty: Type::I32, span };
                (ExprKind::Cast(Box::new(dim)), Type::I64)
            }
        };
        Some(Expr { kind, ty, span })
    }

    /// What is known of a variable's extents holds for its copy, too, as far as it does not speak of variables that
    /// have none.
    pub fn copy_extents(&mut self, of: VarId, copy: VarId, copies: &HashMap<VarId, VarId>) {
        for axis in 0..self.vars[of.index()].ty.rank() {
            let known = match self.checked_extents.get(&(of, axis)) {
                Some(KnownExtent::Of(other, k)) => copies.get(other).map(|other| KnownExtent::Of(*other, *k)),
                constant => constant.copied(),
            };
            if let Some(known) = known {
                self.checked_extents.insert((copy, axis), known);
            }
        }
    }
}

/// `inputs` ends in a call of `kernel`, or gives the arguments of one.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    pub inputs: FuncId,
    pub kernel: FuncId,
}

#[derive(Clone, Debug)]
pub struct Var {
    pub name: Symbol,
    pub ty: Type,
    pub span: Span,
    pub kind: VarKind,
    /// Names of a tensor's axes, where it carries any.
    pub coords: Vec<Option<Symbol>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VarKind {
    Let,
    Param,
    /// Bound by a slot or a reduction: an `i32` in bodies.
    Coord,
    /// Made by the compiler; has no name in the source.
    Temp,
}

/// One specialisation of a function for the types, ranks and coordinates of its calls. A body may read
/// bindings of the module around it (`free`), which every caller passes on.
#[derive(Clone, Debug)]
pub struct Func {
    pub name: Symbol,
    pub params: Vec<VarId>,
    pub result: Type,
    pub body: Expr,
    pub span: Span,
    /// The user's tangent rule, with the parameters and then their tangents as parameters.
    pub rule: Option<FuncId>,
}

#[derive(Clone, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub ty: Type,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum ExprKind {
    Unit,
    Bool(bool),
    /// Of the node's scalar type.
    Int(i64),
    /// Already rounded to the node's scalar type.
    Float(f64),
    Str(Rc<str>),
    Var(VarId),
    Block(Vec<Stmt>, Box<Expr>),
    /// Scalars in, scalar out; strict in all operands.
    Op(Op, Vec<Expr>),
    /// Between scalars (§2.5), to the node's type.
    Cast(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    /// Of any type; only the chosen branch is evaluated.
    If(Box<Expr>, Box<Expr>, Box<Expr>),

    /// A tuple or struct, by the node's type.
    Tuple(Vec<Expr>),
    /// A field of a tuple or struct; of a range its lower and upper end.
    Field(Box<Expr>, usize),
    Variant(usize, Vec<Expr>),
    /// Whether the value is this variant.
    IsVariant(Box<Expr>, usize),
    /// A field of a variant that the value is known to be.
    Payload(Box<Expr>, usize, usize),

    /// One cell: as many indices (integers of any type) as the tensor has axes.
    Load(Box<Load>),
    /// The extent of an axis, as `i32`.
    Dim(Box<Expr>, usize),
    /// The whole shape is left to the tensor's type; `None` for lists and strings is a defect.
    Reduce(Box<Reduce>),
    /// A family that nothing else needs by name and that does not read itself.
    Family(Box<Family>),
    /// A bracket literal: `shape` is its (constant) shape, the items are its scalar cells in row-major order.
    Literal(Rc<[usize]>, Vec<Expr>),
    /// The same tensor with checked extents (`None` is `?`); only axes that compile time could not decide.
    CheckShape(Box<Expr>, Vec<Option<i64>>),
    Comprehension(Box<Comprehension>),

    List(Vec<Expr>),
    /// Items of a list, from 0, bounds checked.
    Item(Box<Expr>, Box<Expr>),

    /// `lo..hi`
    Range(Box<Expr>, Box<Expr>),
    Call(FuncId, Vec<Expr>),
    Builtin(Builtin, Vec<Expr>),
    /// Text of values with formats: pieces alternate freely.
    Interpolate(Vec<Piece>),
    Assert(Box<Assert>),
    /// `(ok, value, message)` as the tuple type of the node; the value of a failure is a default.
    Try(Box<Expr>),

    /// `@y / @x` where both are bindings: removed by differentiation.
    Quotient(Box<Quotient>),
    /// `@e` alone: the tangent of `e` with these inputs' tangents 1.
    Tangent(Box<Expr>, Vec<VarId>),
    StopGradient(Box<Expr>),
    /// Evaluated again in the backward pass instead of being stored.
    Checkpoint(Box<Expr>),
}

#[derive(Clone, Debug)]
pub enum Stmt {
    Let(VarId, Expr),
    /// Families that read themselves or each other, and the order that works.
    Rec(Rc<Recurrence>),
    Do(Expr),
}

#[derive(Clone, Debug)]
pub struct Load {
    /// The access in the source that this read came from; copies keep it.
    pub id: u32,
    pub tensor: Expr,
    pub index: Vec<Expr>,
    /// One per axis. Axes that are not `proven` are checked when the cell is read.
    pub proven: Vec<bool>,
    /// Where each index stands.
    pub spans: Vec<Span>,
}

/// A coordinate with its range `lo..hi` (integers of type `i64`).
#[derive(Clone, Debug)]
pub struct Binder {
    pub var: VarId,
    pub lo: Expr,
    pub hi: Expr,
}

#[derive(Clone, Debug)]
pub struct Reduce {
    pub op: ReduceOp,
    /// Later ranges may use earlier coordinates.
    pub binders: Vec<Binder>,
    pub wheres: Vec<WhereItem>,
    /// A scalar.
    pub body: Expr,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReduceOp {
    Sum,
    Prod,
    Max,
    Min,
    Mean,
    Any,
    All,
    ArgMax,
    ArgMin,
}

impl ReduceOp {
    pub const ALL: [ReduceOp; 9] = {
        use ReduceOp::*;
        [Sum, Prod, Max, Min, Mean, Any, All, ArgMax, ArgMin]
    };

    pub fn name(self) -> &'static str {
        use ReduceOp::*;
        match self {
            Sum => "sum",
            Prod => "prod",
            Max => "max",
            Min => "min",
            Mean => "mean",
            Any => "any",
            All => "all",
            ArgMax => "argmax",
            ArgMin => "argmin",
        }
    }
}

/// In order: a guard protects the definitions behind it.
#[derive(Clone, Debug)]
pub enum WhereItem {
    Def(VarId, Expr),
    Guard(Expr),
}

#[derive(Clone, Debug)]
pub struct Family {
    pub name: Symbol,
    /// All axes, the ones that a slice clause leaves to its body included.
    pub axes: Vec<Axis>,
    /// A scalar or `str`.
    pub elem: Type,
    /// In source order: the last one that covers a cell, and whose guards hold, gives its value.
    pub clauses: Vec<Clause>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Axis {
    pub name: Option<Symbol>,
    /// An `i64`.
    pub extent: Expr,
}

#[derive(Clone, Debug)]
pub struct Clause {
    /// At most one per axis; fewer make a slice clause, whose body is a tensor of the remaining axes.
    pub slots: Vec<Slot>,
    pub wheres: Vec<WhereItem>,
    pub body: Expr,
    /// The value where a guard is closed; without it the cell falls to an earlier clause, else to zero.
    pub otherwise: Option<Expr>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum Slot {
    Coord(Binder),
    /// A literal index.
    Fixed(i64),
}

#[derive(Clone, Debug)]
pub struct Recurrence {
    pub families: Vec<(VarId, Family)>,
    pub order: Vec<Order>,
}

/// An evaluation order that satisfies every read.
#[derive(Clone, Debug)]
pub enum Order {
    /// One step after the other along one axis of each family (index in the group, axis).
    Steps { axes: Vec<(usize, usize)>, descending: bool, body: Vec<Order> },
    /// All cells of one family that the steps around leave open, in any order.
    Cells(usize),
}

#[derive(Clone, Debug)]
pub struct Comprehension {
    pub clauses: Vec<CompClause>,
    /// A scalar, or a tensor whose extents are the same for every item (checked), or anything for a list.
    pub body: Expr,
    /// For a tensor with rows: the extents of a row (`i64`), used when there is no item.
    pub row: Vec<Expr>,
}

#[derive(Clone, Debug)]
pub enum CompClause {
    /// Over a range, the first axis of a tensor, or a list; the variable has the item's type.
    For(VarId, Expr),
    Let(VarId, Expr),
    If(Expr),
}

#[derive(Clone, Debug)]
pub enum Piece {
    Text(Rc<str>),
    Value(Expr, Option<Format>),
}

/// See §1.5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    pub fill: char,
    pub align: Option<char>,
    pub plus: bool,
    pub zero: bool,
    pub width: u32,
    pub precision: Option<u32>,
    pub kind: Option<char>,
}

#[derive(Clone, Debug)]
pub struct Assert {
    /// A `bool`, or a tensor of them that must be all true.
    pub cond: Expr,
    pub message: Option<Expr>,
    /// Both sides of a comparison of scalars or strings, bound so that they are evaluated once; `cond` reads them.
    pub operands: Option<(VarId, VarId)>,
    /// What binds the operands.
    pub lets: Vec<(VarId, Expr)>,
}

#[derive(Clone, Debug)]
pub struct Quotient {
    pub y: Expr,
    pub x: VarId,
    /// Indices that pick a cell of `x`.
    pub x_cell: Vec<Expr>,
}

/// Whatever is neither arithmetic nor a family. Effects happen in evaluation order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Builtin {
    /// Any number of values of any type; writes a line. `()`.
    Print,
    /// `(str) -> !`
    Panic,
    /// `(T) -> str` as `print` writes it at top level.
    ToStr,
    /// `(str, str) -> str`
    Concat,
    /// Length of a list; Unicode scalars of a string: `i32`.
    Len,
    /// Whole comparison of two values of one type: `bool`. Tensors: equal shape and all cells equal.
    Equal,
    /// `(T, list) -> bool` and `(T, tensor of rank 1) -> bool`
    Contains,
    /// `(str, str) -> bool`: order of strings.
    StrLess,
    /// A list of tensors, or of tensors' rows, or a tensor's rows as a list: `(tensor) -> [row]`.
    Rows,
    /// `array_append(tensor or list, item)`
    Append,
    /// `(lo, hi, list)`: items `lo..hi` of a list.
    ListSlice,
    /// `(str) -> Dyn`
    LoadNpy,
    /// `Dyn -> tensor` of the node's type (element type and rank are checked, E0905 with both shapes).
    Settle,
    /// `(str path, tensor) -> ()`
    SaveNpy,
    /// `(str path) -> str`
    ReadText,
    /// `(str path, str text) -> ()`
    WriteText,
    /// A function of `ir::files`; what a cast states has the demands on extents as its last operand.
    File(FileOp),
    /// Rank of a `Dyn` value, its shape as `[i32; ?]`.
    DynRank,
    DynShape,
    /// `(i64, i64, str, str, str) -> ()`: E0905 unless the two extents are equal; the coordinate and where each comes from.
    SameExtent,
    /// `(i64 lo, i64 hi, i64 extent, str coordinate, str tensor) -> ()`: E0902 unless `0 <= lo` and `hi <= extent`.
    SliceBounds,
    /// `(tensor of rank 1) -> [i32; ?]`: indices in ascending order of the values, stable, NaN last.
    ArgSort,
}
