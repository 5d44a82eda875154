//! Names that other languages have, and what is written for them here.

/// Functions and constants, each with what to do instead. Most of them stand for a form of this language.
const NAMES: &[(&[&str], &str)] = &[
    (
        &["map", "vectorize", "apply"],
        "a function of a number maps over a tensor by itself, `f(x)`; over a list, `[f(x) | x in xs]`",
    ),
    (&["filter"], "a condition filters, `[x | x in xs, x > 0]`"),
    (
        &["reduce", "fold", "foldl", "foldr", "accumulate", "scan", "fori_loop", "while_loop"],
        "state over steps is a recurrence, `let s[0] = start; let s[k in 1..n] = f(s[k - 1], xs[k - 1]);`",
    ),
    (&["zip"], "index both: `[(a[i], b[i]) | i in 0..len(a)]`"),
    (&["enumerate", "eachindex"], "generate the indices: `[(i, xs[i]) | i in 0..len(xs)]`"),
    (&["range", "xrange"], "a range is written `0..n`"),
    (&["println", "printf", "echo", "puts", "disp", "display", "show", "console", "cout"], "write `print(a, b)`"),
    (
        &["str", "repr", "string", "to_string", "sprintf", "format"],
        "a text takes values in holes, `\"{x}\"` or `\"{x:.3f}\"`",
    ),
    (
        &[
            "int", "float", "double", "bool", "i8", "u8", "i32", "i64", "f16", "bf16", "f32", "f64", "Float64",
            "Float32", "Int",
        ],
        "a cast is written `x as f64`; a text becomes a number by `parse_json(text) as f64` of `std::io`",
    ),
    (
        &[
            "grad",
            "gradient",
            "value_and_grad",
            "jacobian",
            "jacfwd",
            "jacrev",
            "hessian",
            "vjp",
            "jvp",
            "derivative",
            "backward",
            "autograd",
        ],
        "a derivative is a quotient of bindings: `let y = f(x); let dy = @y / @x;`",
    ),
    (&["vmap", "pmap"], "coordinates that a function does not mention pass through it: `let y[b] = f(x[b]);`"),
    (&["jit", "compile"], "everything is compiled before it runs"),
    (
        &["einsum", "tensordot", "bmm", "mm"],
        "write the sum with its coordinates, `let c[i, j] = sum[k](a[i, k] * b[k, j]);`",
    ),
    (&["zeros", "ones", "full", "fill", "empty"], "define all cells: `let z[i in 0..n, j in 0..m] = 0.0;`"),
    (&["isinstance", "type", "typeOf", "class_of"], "`typeof(x)` is the type as a text"),
    (&["sorted", "sortperm"], "`sort` and `argsort` are in `std::array`"),
    (&["isnan"], "a value that is not equal to itself is NaN: `x != x`"),
    (
        &["exit", "quit", "abort", "error", "Exception", "ValueError", "RuntimeError", "raise", "throw"],
        "`panic(\"message\")` ends the program with an error",
    ),
    (
        &["Some", "Ok", "Err", "Option", "Result", "Just", "Nothing"],
        "errors are caught by `try e` and `x ?> f else v`; a value that may be missing is an enum, `enum Maybe { Nothing, Just(f32) }`",
    ),
    (&["self", "this"], "types have no methods: a function takes the value as a parameter"),
    (&["input", "readline", "raw_input"], "files are read by `std::io`: `read_text`, `read_lines`, `load_csv`"),
    (&["open"], "files are read by `std::io`: `read_text`, `read_lines`, `load_csv`, `load_json`"),
    (&["time", "perf_counter", "clock"], "`einc bench` and `einc run --time-passes` measure"),
];

/// Modules of other languages, each with what they are for here.
const MODULES: &[(&[&str], &str)] = &[
    (
        &["np", "numpy", "jnp", "jax", "torch", "tf", "tensorflow", "scipy", "sp", "F", "nn", "lax"],
        "tensors have operators, reductions by coordinate, `sum[j](x[j])`, and the library, `use std::math::{exp};`, `use std::ml::*;`",
    ),
    (&["math", "cmath"], "`use std::math::{sin, pi};`"),
    (&["random"], "`use std::random::{uniform, normal};`: random numbers are functions of a key"),
    (&["pd", "pandas", "csv", "json", "os", "sys", "pathlib", "io"], "`use std::io::*;` reads and writes files"),
    (
        &["plt", "matplotlib", "pyplot", "sns"],
        "there are no plots; `save_csv` of `std::io` writes what others can draw",
    ),
];

/// Methods, each with what is written for them.
const METHODS: &[(&[&str], &str)] = &[
    (
        &["T", "transpose", "t", "permute", "swapaxes", "adjoint"],
        "a transpose is an indexed definition: `let t[j, i] = m[i, j];`",
    ),
    (
        &["reshape", "view", "resize"],
        "`reshape` is a function of `std::array`; often new coordinates say more: `let y[i, j] = x[i * n + j];`",
    ),
    (&["flatten", "ravel"], "`flatten` is a function of `std::array`"),
    (&["dot", "matmul", "mm", "bmm"], "write the sum with its coordinate: `sum[k](a[i, k] * b[k, j])`"),
    (
        &["append", "push", "extend", "insert", "push_back"],
        "values do not change: `array_append(xs, x)` is a new one, and a comprehension makes all at once",
    ),
    (&["map", "apply"], "a function of a number maps over a tensor by itself, `f(x)`; over a list, `[f(x) | x in xs]`"),
    (&["filter"], "a condition filters, `[x | x in xs, x > 0]`"),
    (
        &[
            "iter",
            "into_iter",
            "collect",
            "to_vec",
            "clone",
            "copy",
            "tolist",
            "numpy",
            "cpu",
            "cuda",
            "to",
            "contiguous",
        ],
        "leave it out: values are what they are",
    ),
    (&["astype", "float", "double", "int", "half", "long"], "a cast is written `x as f32`"),
    (&["parse"], "a text becomes a number by `parse_json(text) as f64` of `std::io`"),
    (&["item"], "a number is `x[0]`; a reduction of all coordinates is one already"),
    (
        &["backward", "grad", "requires_grad", "requires_grad_"],
        "a derivative is a quotient of bindings: `let dw = @loss / @w;`",
    ),
    (&["detach"], "write `stop_gradient(x)`"),
    (&["unwrap", "expect", "unwrap_or", "ok_or"], "an error ends the program by itself; `x ?> f else v` catches it"),
    (&["ndim", "dim", "ndims"], "write `rank(x)`"),
    (&["dtype", "type"], "write `typeof(x)`"),
    (&["squeeze"], "index the axis: `x[i, 0]`"),
    (
        &["unsqueeze", "expand", "broadcast_to", "repeat", "tile", "expand_dims"],
        "a name that an operand leaves out is a broadcast: `let y[b, j] = x[b, j] + bias[j];`",
    ),
    (&["std", "var"], "write it by its coordinate: `let m = mean[i](x[i]); mean[i]((x[i] - m) ** 2.0)`"),
    (
        &["format", "join", "split", "strip", "upper", "lower", "replace"],
        "texts have `+`, `len` and holes, `\"{x:.2f}\"`",
    ),
    (&["keys", "values", "items", "get"], "there are no dictionaries; a struct has fields"),
];

fn find(table: &'static [(&'static [&'static str], &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(names, _)| names.contains(&name)).map(|(_, help)| *help)
}

pub(crate) fn name(name: &str) -> Option<&'static str> {
    find(NAMES, name)
}

pub(crate) fn module(name: &str) -> Option<&'static str> {
    find(MODULES, name)
}

pub(crate) fn method(name: &str) -> Option<&'static str> {
    find(METHODS, name)
}
