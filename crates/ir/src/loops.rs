//! Explicit loops, buffers and reference counts: what plan makes of a program and emit turns into machine code.
//!
//! Every value is a machine scalar or a pointer to a reference-counted object. Tuples and structs are several
//! variables; an absent object (the empty list, string or tensor of a default value) is never null.

use crate::types::Scalar;
use diagnostics::Span;
use std::rc::Rc;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ty {
    /// `bool`, `i8`, `u8`
    I8,
    /// Bits of `f16` and `bf16`, in memory only.
    I16,
    I32,
    I64,
    F32,
    F64,
    /// A counted object, or raw memory.
    Ptr,
}

impl Ty {
    pub fn size(self) -> usize {
        match self {
            Ty::I8 => 1,
            Ty::I16 => 2,
            Ty::I32 | Ty::F32 => 4,
            Ty::I64 | Ty::F64 | Ty::Ptr => 8,
        }
    }

    pub fn is_float(self) -> bool {
        matches!(self, Ty::F32 | Ty::F64)
    }

    /// How a scalar is held in a variable: half floats are `F32` there.
    pub fn of(scalar: Scalar) -> Ty {
        match scalar {
            Scalar::Bool | Scalar::I8 | Scalar::U8 => Ty::I8,
            Scalar::I32 => Ty::I32,
            Scalar::I64 => Ty::I64,
            Scalar::F16 | Scalar::BF16 | Scalar::F32 => Ty::F32,
            Scalar::F64 => Ty::F64,
            Scalar::Open(_) => unreachable!("an open constant has no machine type"),
        }
    }
}

/// A variable of one function; may be set again (`Set`), for loop-carried values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Local(pub u32);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct FnId(pub u32);

/// A place where a run-time error can start: row in `Module::sites`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SiteId(pub u32);

/// Row in `Module::layouts`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LayoutId(pub u32);

#[derive(Clone, Debug, Default)]
pub struct Module {
    pub functions: Vec<Function>,
    /// No parameters, no results.
    pub entry: Option<FnId>,
    /// What is called from outside beside the entry: takes its arguments from the memory behind the first pointer, a
    /// word each, and leaves its results behind the second one.
    pub exports: Vec<FnId>,
    /// Functions that most runs do not call: they are compiled when one does.
    pub seldom: Vec<FnId>,
    pub sites: Vec<Site>,
    pub layouts: Vec<Layout>,
    /// Bytes that machine code points to: string and tensor literals.
    pub data: Vec<Rc<[u8]>>,
}

#[derive(Clone, Debug)]
pub struct Function {
    pub name: String,
    pub params: Vec<Local>,
    pub results: Vec<Ty>,
    /// Types of all locals.
    pub locals: Vec<Ty>,
    /// Names for the printer; empty for temporaries.
    pub names: Vec<String>,
    /// Bytes of raw memory in the function's frame (`Ex::Scratch`): words of values, extents, formats.
    pub scratch: u32,
    pub body: Vec<St>,
    /// Can run into itself: checks the stack on entry.
    pub recursive: bool,
    pub span: Span,
}

/// A run-time error waiting to happen: the words are the runtime's, these are the facts.
#[derive(Clone, Debug)]
pub struct Site {
    pub code: &'static str,
    pub span: Span,
    /// What the words need beside the run-time arguments: the coordinate's name, the reduction's, both types, …
    pub names: Vec<String>,
    /// Other parties.
    pub also: Vec<(Span, String)>,
}

/// How values of a type lie in memory, for printing, comparing, dropping and for list items.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Layout {
    Scalar(Scalar),
    Str,
    Unit,
    /// Elements are scalars or `Str`.
    Tensor(LayoutId, usize),
    Dyn,
    List(LayoutId),
    Range,
    /// Also structs, by name and field names.
    Tuple {
        name: Option<String>,
        fields: Vec<LayoutId>,
        names: Vec<String>,
    },
    Enum {
        name: String,
        variants: Vec<VariantLayout>,
    },
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct VariantLayout {
    pub name: String,
    pub fields: Vec<LayoutId>,
    pub names: Option<Vec<String>>,
}

/// Expressions: no effects, no failure.
#[derive(Clone, PartialEq, Debug)]
pub enum Ex {
    /// Integers sign-extended; `I8` bools are 0 and 1.
    Int(Ty, i64),
    F32(f32),
    F64(f64),
    /// Address of `Module::data[n]`.
    Data(u32),
    /// Address of byte `n` of the function's own raw memory, 8-byte aligned; what a call leaves there stays.
    Scratch(u32),
    Local(Local),
    /// Address of a function's code, for the runtime to call.
    Func(FnId),
    Bin(Bin, Box<Ex>, Box<Ex>),
    Un(Un, Box<Ex>),
    Cmp(Cmp, Box<Ex>, Box<Ex>),
    Convert(Convert, Box<Ex>),
    /// `cond` is an `I8` of 0 or 1; both sides are computed.
    Select(Box<Ex>, Box<Ex>, Box<Ex>),
    /// Element `index` (an `I64`, in elements of `ty`) of raw memory.
    Load(Ty, Box<Ex>, Box<Ex>),
    /// Raw memory of a tensor's elements.
    Data0(Box<Ex>),
    /// Extent of a tensor's axis: `I64`.
    Dim(Box<Ex>, u32),
    /// A pure function of the runtime: name in `rt`.
    Math(&'static str, Ty, Vec<Ex>),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bin {
    /// Wrapping on integers.
    Add,
    Sub,
    Mul,
    /// Float division.
    FDiv,
    /// Integers; the divisor is known not to be zero, `MIN / -1` wraps.
    SDiv,
    UDiv,
    SRem,
    URem,
    And,
    Or,
    Xor,
    Shl,
    /// Integers, signed; on floats NaN wins and ties take the first.
    SMin,
    SMax,
    UMin,
    UMax,
    FMin,
    FMax,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Un {
    Neg,
    /// Of an `I8` bool.
    Not,
    Abs,
    Sqrt,
    Floor,
    Ceil,
    Trunc,
}

/// Result: `I8`, 0 or 1. Floats use the ordered `S` forms (`Ne` is true on NaN).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cmp {
    Eq,
    Ne,
    SLt,
    SLe,
    SGt,
    SGe,
    ULt,
    ULe,
    UGt,
    UGe,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Convert {
    /// Integers to a wider or narrower type (wrapping).
    Sext(Ty),
    Zext(Ty),
    Trunc(Ty),
    SintToFloat(Ty),
    UintToFloat(Ty),
    /// Toward zero, saturating at the type's own limits, NaN is 0. `I8` and `u8` are saturated to their own range.
    FloatToSint(Ty),
    FloatToUint(Ty),
    /// `f32` to `f64` and back.
    Float(Ty),
    /// `F32` to the bits of a half float and back.
    ToF16,
    FromF16,
    ToBF16,
    FromBF16,
    /// Bits: `F64` to `I64` and so on.
    Bits(Ty),
}

/// In which order a loop takes its turns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turns {
    Up,
    /// From `hi - 1` down to `lo`.
    Down,
    /// Up, but nobody sees the order: no turn reads memory that another one writes, and values that are folded in from
    /// turn to turn may be folded in groups.
    Free,
}

#[derive(Clone, Debug)]
pub enum St {
    /// First value of a local.
    Let(Local, Ex),
    /// Another value of a local that was `Let` before.
    Set(Local, Ex),
    /// Element `index` of raw memory.
    Store(Ty, Ex, Ex, Ex),
    If(Ex, Vec<St>, Vec<St>),
    /// `var` (an `I64`) from `lo` to `hi` (exclusive).
    For {
        var: Local,
        lo: Ex,
        hi: Ex,
        turns: Turns,
        body: Vec<St>,
    },
    /// A `For` whose turns may run on several threads, until `spread` has made functions of such loops: no turn reads or
    /// writes what another one writes, besides locals that it sets first, and the tensors in `own`, whose contents no
    /// turn leaves to another one and which are made by these statements.
    Spread {
        own: Vec<(Local, Vec<St>)>,
        turns: Box<St>,
    },
    /// Until a `Break` that belongs to it.
    Loop(Vec<St>),
    /// Leaves the innermost `Loop` or `For`.
    Break,
    /// Machine code of this module. Fails where the callee fails.
    Call {
        func: FnId,
        args: Vec<Ex>,
        results: Vec<Local>,
    },
    /// A function of the runtime: name in `rt`. `site` is passed first where the row says so.
    Rt {
        name: &'static str,
        args: Vec<Ex>,
        results: Vec<Local>,
        site: Option<SiteId>,
    },
    /// Ends in a run-time error; integer arguments are what the message shows, each an `I64`.
    Fail {
        site: SiteId,
        args: Vec<Ex>,
    },
    /// From here on the local owns one count, and an error on the way out gives it back. What a body owns it has given
    /// back or away when it ends, returns or breaks, and what it was given to own it owns again.
    Own(Local),
    /// Gives back the count that the local owns.
    Release(Local),
    /// The local's count now belongs to somebody else (a result, an item of an object).
    Disown(Local),
    /// One more count.
    Retain(Ex),
    /// Runs `body`; an error in it gives back what `body` owns and runs `handler` instead, with the message in `message`: a
    /// string with one count, like the result of a call, that `handler` has to `Own` or `Release`.
    Try {
        body: Vec<St>,
        message: Local,
        handler: Vec<St>,
    },
    /// Objects among the results are given to the caller with one count.
    Return(Vec<Ex>),
}

/// Functions of the runtime, by name: `rt` rows are the contract between plan, emit and the runtime.
pub mod rt {
    use super::Ty::{self, *};
    use crate::types::Scalar;

    pub struct Row {
        pub name: &'static str,
        pub params: &'static [Ty],
        pub results: &'static [Ty],
        /// Returns a status first (`I32`, 0 is fine) and writes its results through pointers that follow the arguments.
        pub fails: bool,
        /// Takes a site as its first parameter (after the context).
        pub site: bool,
        /// Takes the context before everything else, which emit supplies: whatever fails, and what frees or reads layouts.
        pub context: bool,
    }

    const fn pure(name: &'static str, params: &'static [Ty], results: &'static [Ty]) -> Row {
        Row { name, params, results, fails: false, site: false, context: false }
    }

    const fn in_context(name: &'static str, params: &'static [Ty], results: &'static [Ty]) -> Row {
        Row { name, params, results, fails: false, site: false, context: true }
    }

    const fn failing(name: &'static str, params: &'static [Ty], results: &'static [Ty]) -> Row {
        Row { name, params, results, fails: true, site: true, context: true }
    }

    /// How `dyn_settle` is told an element type.
    pub fn scalar_code(scalar: Scalar) -> i32 {
        SCALARS.iter().position(|s| *s == scalar).expect("an open constant has no code") as i32
    }

    /// The scalar of a code.
    pub fn scalar_of_code(code: i32) -> Option<Scalar> {
        SCALARS.get(usize::try_from(code).ok()?).copied()
    }

    const SCALARS: [Scalar; 9] = {
        use Scalar::*;
        [Bool, Scalar::I8, U8, Scalar::I32, Scalar::I64, F16, BF16, Scalar::F32, Scalar::F64]
    };

    pub fn row(name: &str) -> &'static Row {
        ROWS.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no runtime function `{name}`"))
    }

    /// Strings, tensors and lists are borrowed as arguments and owned as results, unless a row says otherwise. What a row
    /// takes over it has even where it fails, so it is disowned before the call.
    pub static ROWS: &[Row] = &[
        // --- objects ------------------------------------------------------------------------------------------
        // (layout of the elements, rank, pointer to `rank` extents as i64) -> tensor, cells uninitialised
        failing("tensor_new", &[I32, I32, Ptr], &[Ptr]),
        // the same, cells zero / false / ""
        failing("tensor_zeroed", &[I32, I32, Ptr], &[Ptr]),
        // (layout, rank, extents, data): a copy of literal data
        failing("tensor_from", &[I32, I32, Ptr, Ptr], &[Ptr]),
        // (tensor, first index of the leading axis, how many, drop the axis: 0/1): a contiguous part along the leading axis,
        // sharing or copying
        failing("tensor_rows", &[Ptr, I64, I64, I32], &[Ptr]),
        // (tensor, number of extents to check, pointer to extents, -1 is any): the same tensor, E0905 otherwise
        failing("tensor_check", &[Ptr, I32, Ptr], &[Ptr]),
        // (a, b): E0905 unless both have the same shape
        failing("tensor_same_shape", &[Ptr, Ptr], &[]),
        // (tensor of rank 1): [i32], the indices in ascending order of the values, stable, NaN last
        failing("tensor_argsort", &[Ptr], &[Ptr]),
        // raw stack-like scratch memory, 64-byte aligned: (bytes) -> pointer; freed by scratch_free, or by `Release` where it is
        // `Own`ed (so that an error frees it too)
        failing("scratch_new", &[I64], &[Ptr]),
        in_context("scratch_free", &[Ptr], &[]),
        // (data index length in bytes): a string from literal bytes
        failing("str_from", &[Ptr, I64], &[Ptr]),
        failing("str_concat", &[Ptr, Ptr], &[Ptr]),
        // Unicode scalar values
        pure("str_len", &[Ptr], &[I64]),
        pure("str_eq", &[Ptr, Ptr], &[I8]),
        pure("str_less", &[Ptr, Ptr], &[I8]),
        // --- growing ------------------------------------------------------------------------------------------
        // A builder of tensors or lists of unknown length; a counted object that may be `Own`ed (and then `Disown`ed where a row
        // takes it). (layout of one item) -> builder; an item is the words of its layout
        // (`Layout` flattened: one 8-byte word per scalar or object, floats as bits), whose counts the builder takes over.
        failing("build_new", &[I32], &[Ptr]),
        // (builder, pointer to the words)
        failing("build_push", &[Ptr, Ptr], &[]),
        // a list of the items; takes the builder
        failing("build_list", &[Ptr], &[Ptr]),
        // a tensor of rank 1 from scalar (or str) items; takes the builder
        failing("build_tensor", &[Ptr], &[Ptr]),
        // a tensor from items that are tensors of equal shape, with the row's shape for no items (rank, extents); E0905 otherwise
        failing("build_stack", &[Ptr, I32, Ptr], &[Ptr]),
        in_context("build_drop", &[Ptr], &[]),
        // --- lists --------------------------------------------------------------------------------------------
        pure("list_len", &[Ptr], &[I64]),
        // (list, index, pointer for the words): bounds are checked before; objects among the words get a count
        in_context("list_get", &[Ptr, I64, Ptr], &[]),
        failing("list_slice", &[Ptr, I64, I64], &[Ptr]),
        // (list, pointer to words): takes over the words' counts
        failing("list_append", &[Ptr, Ptr], &[Ptr]),
        // (tensor): its rows as a list
        failing("tensor_to_list", &[Ptr, I32], &[Ptr]),
        // --- enums: boxed; (layout, variant, pointer to the words of the fields, how many), takes over counts --------
        failing("enum_new", &[I32, I32, Ptr, I32], &[Ptr]),
        pure("enum_tag", &[Ptr], &[I32]),
        // (enum, word index): raw word; objects get no count
        pure("enum_word", &[Ptr, I32], &[I64]),
        // --- any value, as layout and pointer to its words ----------------------------------------------------------
        in_context("value_eq", &[I32, Ptr, Ptr], &[I8]),
        // raw text as `print` writes it at top level
        failing("value_text", &[I32, Ptr], &[Ptr]),
        // (layout, words, format: pointer to six i32: fill, align, flags (1 plus, 2 zero), width, precision or -1, kind or 0)
        failing("value_format", &[I32, Ptr, Ptr], &[Ptr]),
        // (layout of the item, words of the item, tensor or list)
        in_context("list_contains", &[I32, Ptr, Ptr], &[I8]),
        in_context("tensor_contains", &[I32, Ptr, Ptr], &[I8]),
        // (text): writes it and a newline to standard output
        failing("print_line", &[Ptr], &[]),
        // --- sums of products -----------------------------------------------------------------------------------------
        // (target, left and right elements, words, open coordinates, summed coordinates): stores the sum of products for
        // each point of the open coordinates; the words are the offsets of the three first elements, then for each
        // coordinate its extent and its strides in target, left and right factor, in elements; so do the others, of squared
        // and of absolute differences
        in_context("contract_f32", &[Ptr, Ptr, Ptr, Ptr, I64, I64], &[]),
        in_context("contract_f64", &[Ptr, Ptr, Ptr, Ptr, I64, I64], &[]),
        in_context("contract_squares_f32", &[Ptr, Ptr, Ptr, Ptr, I64, I64], &[]),
        in_context("contract_squares_f64", &[Ptr, Ptr, Ptr, Ptr, I64, I64], &[]),
        in_context("contract_distances_f32", &[Ptr, Ptr, Ptr, Ptr, I64, I64], &[]),
        in_context("contract_distances_f64", &[Ptr, Ptr, Ptr, Ptr, I64, I64], &[]),
        // Whether so many numbers are neither infinite nor NaN.
        pure("all_finite_f32", &[Ptr, I64], &[I8]),
        pure("all_finite_f64", &[Ptr, I64], &[I8]),
        // --- threads ----------------------------------------------------------------------------------------------
        // (function of a frame and a part of a range, frame, first, behind the last, operations of each): calls it for all
        // of the range, in parts on several threads if that is worth it. Parts write no memory that others read or write.
        // Where a part fails, the whole range is gone through again, so that the first error is the one that is reported
        Row {
            name: "in_parts",
            params: &[Ptr, Ptr, I64, I64, I64],
            results: &[],
            fails: true,
            site: false,
            context: true,
        },
        // --- files -------------------------------------------------------------------------------------------------
        failing("load_npy", &[Ptr], &[Ptr]),
        // (dyn, scalar code as in `scalar_code`, rank, extents with -1 for any) -> tensor; E0905 with both shapes
        failing("dyn_settle", &[Ptr, I32, I32, Ptr], &[Ptr]),
        // a tensor as if it had been loaded
        failing("dyn_of", &[Ptr], &[Ptr]),
        pure("dyn_rank", &[Ptr], &[I64]),
        failing("dyn_shape", &[Ptr], &[Ptr]),
        failing("save_npy", &[Ptr, Ptr], &[]),
        failing("read_text", &[Ptr], &[Ptr]),
        failing("write_text", &[Ptr, Ptr], &[]),
        // (operation as in `ir::files`, layout of the arguments: a tuple, their words, layout of the result, words of the
        // result): the last ones may lie where the arguments do
        failing("file_call", &[I32, I32, Ptr, I32, Ptr], &[]),
        // --- profile -------------------------------------------------------------------------------------------------
        // (site): from here on time belongs to what the site names, until the end that belongs to this begin
        in_context("span_begin", &[I32], &[]),
        in_context("span_end", &[], &[]),
        // --- errors --------------------------------------------------------------------------------------------------
        // (message): E0910 and other sites whose words are a string
        failing("panic", &[Ptr], &[]),
        // (message or null, left text or null, right text or null): E0901
        failing("assert_failed", &[Ptr, Ptr, Ptr], &[]),
        // --- arithmetic that machine code has no instruction for ----------------------------------------------------
        pure("gcd", &[I64, I64], &[I64]),
        pure("f32_pow", &[F32, F32], &[F32]),
        pure("f64_pow", &[F64, F64], &[F64]),
        pure("f32_powi", &[F32, I64], &[F32]),
        pure("f64_powi", &[F64, I64], &[F64]),
        pure("f32_rem", &[F32, F32], &[F32]),
        pure("f64_rem", &[F64, F64], &[F64]),
        pure("f32_atan2", &[F32, F32], &[F32]),
        pure("f64_atan2", &[F64, F64], &[F64]),
        pure("f32_hypot", &[F32, F32], &[F32]),
        pure("f64_hypot", &[F64, F64], &[F64]),
        pure("f32_polygamma", &[F32, I64], &[F32]),
        pure("f64_polygamma", &[F64, I64], &[F64]),
        pure("f32_cbrt", &[F32], &[F32]),
        pure("f64_cbrt", &[F64], &[F64]),
        pure("f32_exp", &[F32], &[F32]),
        pure("f64_exp", &[F64], &[F64]),
        pure("f32_expm1", &[F32], &[F32]),
        pure("f64_expm1", &[F64], &[F64]),
        pure("f32_ln", &[F32], &[F32]),
        pure("f64_ln", &[F64], &[F64]),
        pure("f32_log2", &[F32], &[F32]),
        pure("f64_log2", &[F64], &[F64]),
        pure("f32_log10", &[F32], &[F32]),
        pure("f64_log10", &[F64], &[F64]),
        pure("f32_log1p", &[F32], &[F32]),
        pure("f64_log1p", &[F64], &[F64]),
        pure("f32_sin", &[F32], &[F32]),
        pure("f64_sin", &[F64], &[F64]),
        pure("f32_cos", &[F32], &[F32]),
        pure("f64_cos", &[F64], &[F64]),
        pure("f32_tan", &[F32], &[F32]),
        pure("f64_tan", &[F64], &[F64]),
        pure("f32_asin", &[F32], &[F32]),
        pure("f64_asin", &[F64], &[F64]),
        pure("f32_acos", &[F32], &[F32]),
        pure("f64_acos", &[F64], &[F64]),
        pure("f32_atan", &[F32], &[F32]),
        pure("f64_atan", &[F64], &[F64]),
        pure("f32_sinh", &[F32], &[F32]),
        pure("f64_sinh", &[F64], &[F64]),
        pure("f32_cosh", &[F32], &[F32]),
        pure("f64_cosh", &[F64], &[F64]),
        pure("f32_tanh", &[F32], &[F32]),
        pure("f64_tanh", &[F64], &[F64]),
        pure("f32_asinh", &[F32], &[F32]),
        pure("f64_asinh", &[F64], &[F64]),
        pure("f32_acosh", &[F32], &[F32]),
        pure("f64_acosh", &[F64], &[F64]),
        pure("f32_atanh", &[F32], &[F32]),
        pure("f64_atanh", &[F64], &[F64]),
        pure("f32_erf", &[F32], &[F32]),
        pure("f64_erf", &[F64], &[F64]),
        pure("f32_erfc", &[F32], &[F32]),
        pure("f64_erfc", &[F64], &[F64]),
        pure("f32_lgamma", &[F32], &[F32]),
        pure("f64_lgamma", &[F64], &[F64]),
        pure("f32_digamma", &[F32], &[F32]),
        pure("f64_digamma", &[F64], &[F64]),
        // (numbers, how many): each is replaced by its function
        pure("f32_exp_tile", &[Ptr, I64], &[]),
        pure("f64_exp_tile", &[Ptr, I64], &[]),
        pure("f32_tanh_tile", &[Ptr, I64], &[]),
        pure("f64_tanh_tile", &[Ptr, I64], &[]),
        pure("f32_ln_tile", &[Ptr, I64], &[]),
        // halves away from zero
        pure("f32_round", &[F32], &[F32]),
        pure("f64_round", &[F64], &[F64]),
    ];
}
