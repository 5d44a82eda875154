//! The syntax tree: what the user wrote, with spans, and nothing that the checker has to find out.

use diagnostics::{Span, Symbol};
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ident {
    pub name: Symbol,
    pub span: Span,
}

/// `a`, `a::b::c`.
#[derive(Clone, Debug)]
pub struct Path {
    pub segments: Vec<Ident>,
    pub span: Span,
}

/// A whole file, or the inside of `mod name { … }`.
#[derive(Clone, Debug, Default)]
pub struct Module {
    pub statements: Vec<Stmt>,
}

#[derive(Clone, Debug)]
pub struct Block {
    pub statements: Vec<Stmt>,
    /// The last expression; without one the block's value is `()`.
    pub value: Option<Box<Expr>>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum StmtKind {
    /// `let pattern: type = value where …;`
    Let(Rc<Let>),
    /// `let C[i, j] = body where …;`
    Clause(Rc<Clause>),
    Expr(Expr),
    Fn(Rc<FnDef>),
    /// `@fn name(…) { … }`
    Rule(Rc<FnDef>),
    Struct(Rc<StructDef>),
    Enum(Rc<EnumDef>),
    Use(Rc<Use>),
    /// `mod inner { … }`
    Mod(Rc<Mod>),
    /// A statement that did not parse; its error is reported already.
    Error,
}

#[derive(Clone, Debug)]
pub struct Let {
    pub public: bool,
    pub pattern: Pattern,
    pub ty: Option<TypeExpr>,
    pub value: Expr,
    pub wheres: Option<Where>,
}

#[derive(Clone, Debug)]
pub struct Clause {
    pub public: bool,
    pub name: Ident,
    pub slots: Vec<Slot>,
    /// The span of the bracket with its slots.
    pub bracket: Span,
    pub ty: Option<TypeExpr>,
    pub body: Expr,
    pub wheres: Option<Where>,
}

#[derive(Clone, Debug)]
pub enum Slot {
    /// `i`, `i in 0..n`
    Coord { name: Ident, range: Option<Range> },
    /// `..batch`
    Pack(Ident),
    /// Anything else; an integer literal is a row or cell, the rest is an error of the checker.
    Expr(Expr),
}

#[derive(Clone, Debug)]
pub struct Range {
    pub lo: Expr,
    pub hi: Expr,
    pub inclusive: bool,
    pub span: Span,
}

/// `where item, item else e`
#[derive(Clone, Debug)]
pub struct Where {
    pub items: Vec<WhereItem>,
    pub otherwise: Option<Box<Expr>>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum WhereItem {
    /// `z = e`: an index or a value definition.
    Def(Ident, Expr),
    /// Any other expression, also `i in 0..n`, which the checker refuses where `i` is a coordinate.
    Guard(Expr),
}

#[derive(Clone, Debug)]
pub struct FnDef {
    pub public: bool,
    pub name: Ident,
    pub coords: Vec<CoordParam>,
    pub params: Vec<Param>,
    pub result: Option<TypeExpr>,
    pub body: Block,
    pub docs: Vec<String>,
    /// From `fn` to the end of the signature.
    pub signature: Span,
}

#[derive(Clone, Copy, Debug)]
pub enum CoordParam {
    Coord(Ident),
    Pack(Ident),
}

#[derive(Clone, Debug)]
pub struct Param {
    pub pattern: Pattern,
    pub ty: Option<TypeExpr>,
}

#[derive(Clone, Debug)]
pub struct StructDef {
    pub public: bool,
    pub name: Ident,
    pub fields: Vec<FieldDef>,
    pub docs: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct FieldDef {
    pub name: Ident,
    pub ty: TypeExpr,
}

#[derive(Clone, Debug)]
pub struct EnumDef {
    pub public: bool,
    pub name: Ident,
    pub variants: Vec<VariantDef>,
    pub docs: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct VariantDef {
    pub name: Ident,
    pub fields: VariantFields,
}

#[derive(Clone, Debug)]
pub enum VariantFields {
    Unit,
    Tuple(Vec<TypeExpr>),
    Named(Vec<FieldDef>),
}

/// `use a::b::{c, d as e};` is one `Use` with a tree.
#[derive(Clone, Debug)]
pub struct Use {
    pub public: bool,
    pub tree: UseTree,
}

#[derive(Clone, Debug)]
pub struct UseTree {
    pub prefix: Path,
    pub kind: UseKind,
}

#[derive(Clone, Debug)]
pub enum UseKind {
    /// `use a::b;`, `use a::b as c;`
    Simple(Option<Ident>),
    /// `use a::*;`; without a prefix of its own inside of a group.
    Glob(Span),
    /// `use a::{…};` Prefixes inside are relative to this one's.
    Group(Vec<UseTree>),
}

#[derive(Clone, Debug)]
pub struct Mod {
    pub public: bool,
    pub name: Ident,
    pub body: Module,
}

#[derive(Clone, Debug)]
pub struct TypeExpr {
    pub kind: TypeKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum TypeKind {
    /// `f32`, `str`, `Point`, `shapes::Point`
    Path(Path),
    Unit,
    Tuple(Vec<TypeExpr>),
    /// `[f32]` has no dims; `[f32; ?, j, ..r]` has three.
    Tensor {
        elem: Box<TypeExpr>,
        dims: Option<Vec<Dim>>,
    },
    Fn {
        params: Vec<TypeExpr>,
        result: Box<TypeExpr>,
    },
    Error,
}

#[derive(Clone, Copy, Debug)]
pub struct Dim {
    pub kind: DimKind,
    pub span: Span,
}

#[derive(Clone, Copy, Debug)]
pub enum DimKind {
    Extent(u64),
    /// `?`
    Unknown,
    /// `*`: the rank is unknown too
    AnyRank,
    Name(Symbol),
    Pack(Symbol),
}

#[derive(Clone, Debug)]
pub struct Pattern {
    pub kind: PatternKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum PatternKind {
    Wildcard,
    Bind(Ident),
    /// `name @ pattern`
    At(Ident, Box<Pattern>),
    /// A literal, also a negative one.
    Literal(Box<Expr>),
    Range {
        lo: Box<Expr>,
        hi: Box<Expr>,
        inclusive: bool,
    },
    Or(Vec<Pattern>),
    Tuple(Vec<Pattern>),
    /// `[a, b, ..rest]`
    Array(Vec<ArrayPattern>),
    /// `Point { x, y: 0 }`, `Shape::Rect { w, h }`
    Struct {
        path: Path,
        fields: Vec<FieldPattern>,
    },
    /// `Shape::Circle(r)`, `Light::Red` (no arguments and at least two segments)
    Variant {
        path: Path,
        args: Vec<Pattern>,
    },
    Error,
}

#[derive(Clone, Debug)]
pub enum ArrayPattern {
    Item(Pattern),
    /// `..rest`, `..`
    Rest(Option<Ident>, Span),
}

#[derive(Clone, Debug)]
pub struct FieldPattern {
    pub name: Ident,
    /// `None` is the shorthand that binds the field's name.
    pub pattern: Option<Pattern>,
}

#[derive(Clone, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum ExprKind {
    Int {
        value: u64,
        suffix: Option<Suffix>,
    },
    /// The text without suffix and underscores, so that each type can round it once.
    Float {
        text: Rc<str>,
        suffix: Option<Suffix>,
    },
    Bool(bool),
    Str(Vec<StrPart>),
    Path(Path),
    Unary(UnaryOp, Box<Expr>),
    Binary {
        op: BinaryOp,
        op_span: Span,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Cast(Box<Expr>, TypeExpr),
    Call {
        callee: Box<Expr>,
        args: Vec<Expr>,
    },
    /// `f[j](x)`, `sum[k in 0..n](x[k] where x[k] > 0)`: a path, a bracket and parentheses.
    CoordCall {
        callee: Path,
        coords: Vec<CoordArg>,
        bracket: Span,
        args: Vec<Expr>,
        wheres: Option<Where>,
    },
    Index {
        base: Box<Expr>,
        indices: Vec<Expr>,
        bracket: Span,
    },
    Field(Box<Expr>, Ident),
    TupleField(Box<Expr>, u32, Span),
    Range {
        lo: Option<Box<Expr>>,
        hi: Option<Box<Expr>>,
        inclusive: bool,
    },
    /// Also `()`.
    Tuple(Vec<Expr>),
    Array(Vec<Expr>),
    Comprehension {
        body: Box<Expr>,
        clauses: Vec<CompClause>,
    },
    Struct {
        path: Path,
        fields: Vec<(Ident, Option<Expr>)>,
    },
    If {
        cond: Box<Expr>,
        then: Block,
        otherwise: Option<Box<Expr>>,
    },
    Match {
        scrutinee: Box<Expr>,
        arms: Vec<Arm>,
    },
    Block(Block),
    Lambda(Rc<Lambda>),
    Pipe {
        head: Box<Expr>,
        stages: Vec<PipeStage>,
        handler: PipeHandler,
    },
    Try(Box<Expr>),
    /// `@e`; a quotient is a division of two of them.
    Tangent(Box<Expr>),
    /// An expression that did not parse; its error is reported already.
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suffix {
    I8,
    U8,
    I32,
    I64,
    F16,
    BF16,
    F32,
    F64,
}

#[derive(Clone, Debug)]
pub enum StrPart {
    Text(Rc<str>),
    Hole { expr: Expr, format: Option<Format> },
}

/// `[[fill]align][sign][0][width][.precision][type]`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    pub fill: char,
    /// `<`, `>` or `^`
    pub align: Option<char>,
    /// `+`: a sign for positive numbers too
    pub plus: bool,
    pub zero: bool,
    pub width: u32,
    pub precision: Option<u32>,
    /// One of `d f e g % x b`
    pub kind: Option<char>,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    Neg,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Pow,
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
    And,
    Or,
    In,
}

#[derive(Clone, Debug)]
pub enum CoordArg {
    /// `j`, `k in 0..n`
    Coord { name: Ident, range: Option<Range> },
    /// `..batch`
    Pack(Ident),
    /// `(h, w)`
    Group(Vec<Ident>, Span),
    /// Anything else: `fs[0](x)`.
    Expr(Expr),
}

#[derive(Clone, Debug)]
pub enum CompClause {
    /// `pattern in e`: generates, or filters where the name is bound by this comprehension.
    In(Pattern, Expr),
    Bind(Ident, Expr),
    Cond(Expr),
}

#[derive(Clone, Debug)]
pub struct Arm {
    pub pattern: Pattern,
    pub guard: Option<Expr>,
    pub body: Expr,
}

#[derive(Clone, Debug)]
pub struct Lambda {
    pub params: Vec<Param>,
    pub result: Option<TypeExpr>,
    pub body: Expr,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct PipeStage {
    pub op: PipeOp,
    /// `f`, `f(2)`, `m::f[j](2)`: the value goes in front of the arguments.
    pub stage: Expr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipeOp {
    /// `|>`
    Plain,
    /// `?>`
    OrElse,
    /// `!>`
    OrCatch,
}

#[derive(Clone, Debug)]
pub enum PipeHandler {
    None,
    Else(Box<Expr>),
    Catch(Ident, Box<Expr>),
}
