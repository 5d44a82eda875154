//! Every operation and every function of the library that has a derivative is compared with differences. One that is new
//! and stands in no table fails the test.

mod support;

use ir::ops::{Domain, ROWS};
use std::collections::BTreeSet;
use support::gradients::{lines_of, near};

/// A number from `x`, a vector of nine; `v` are its first four cells, `p` is it as a matrix with coordinates `b` and
/// `k`, `a` the same with a strong diagonal, and `s` symmetric.
const WITH_DERIVATIVE: &[(&str, &str, &str)] = &[
    ("array", "cumsum", "sum[i](cumsum(v)[i] ** 2.0)"),
    ("array", "cumprod", "sum[i](cumprod(v)[i] ** 2.0)"),
    ("array", "sort", "sum[i](sort(v)[i] * ((i + 1) as f64))"),
    ("array", "topk", "{ let (t, at) = topk(v, 2); t[0] * t[1] + t[0] }"),
    ("array", "concatenate", "{ let t = concatenate(v, x); sum[i](t[i] * t[i] * ((i + 1) as f64)) }"),
    ("array", "stack", "{ let t = stack(v, v * v); sum[i, j](t[i, j] * ((i + j + 1) as f64)) }"),
    ("array", "flatten", "{ let t = flatten(a); sum[i](t[i] ** 2.0 * ((i + 1) as f64)) }"),
    ("array", "transpose", "{ let t = transpose(a); sum[i, j](t[i, j] ** 2.0 * ((2 * i + j) as f64)) }"),
    ("array", "reshape", "{ let t = reshape(v, [2, 2]); sum[i, j](t[i, j] ** 2.0 * ((2 * i + j) as f64)) }"),
    ("array", "roll", "{ let t = roll(v, 1); sum[i](t[i] ** 2.0 * ((i + 1) as f64)) }"),
    ("array", "flip", "{ let t = flip(v); sum[i](t[i] ** 2.0 * ((i + 1) as f64)) }"),
    ("array", "pad", "{ let t = pad(v, 1, 2, x[5]); sum[i](t[i] ** 2.0 * ((i + 1) as f64)) }"),
    ("array", "linspace", "{ let t = linspace(x[0], x[1], 4); sum[i](t[i] ** 2.0 * ((i + 1) as f64)) }"),
    ("array", "diag", "{ let t = diag(v); let u = diag(a); sum[i](t[i, i] ** 2.0) + sum[i](u[i] ** 3.0) }"),
    ("array", "tril", "{ let t = tril(a); sum[i, j](t[i, j] ** 2.0 * ((2 * i + j) as f64)) }"),
    ("array", "triu", "{ let t = triu(a); sum[i, j](t[i, j] ** 2.0 * ((2 * i + j) as f64)) }"),
    ("linalg", "matmul", "{ let t = matmul(a, a); sum[i, j](t[i, j] * ((2 * i + j) as f64)) }"),
    ("linalg", "dot", "dot(v, v * v)"),
    ("linalg", "outer", "{ let t = outer(v, v); sum[i, j](t[i, j] * ((2 * i + j) as f64)) }"),
    ("linalg", "trace", "trace(a) ** 2.0"),
    ("linalg", "norm", "norm(a)"),
    ("linalg", "kron", "{ let t = kron(a, a); sum[i, j](t[i, j] * ((2 * i + j) as f64)) }"),
    ("linalg", "lu", "{ let (t, order, sign) = lu(a); sum[i, j](t[i, j] * ((2 * i + j) as f64)) }"),
    ("linalg", "det", "det(a)"),
    ("linalg", "solve", "{ let t = solve(a, [x[0], x[1], 1.0]); sum[i](t[i] ** 2.0) }"),
    ("linalg", "inv", "{ let t = inv(a); sum[i, j](t[i, j] * ((2 * i + j) as f64)) }"),
    ("linalg", "cholesky", "{ let t = cholesky(s); sum[i, j](t[i, j] * ((2 * i + j) as f64)) }"),
    ("linalg", "qr", "{ let (q, r) = qr(a); sum[i, j](q[i, j] * ((2 * i + j) as f64) + r[i, j] ** 2.0) }"),
    ("linalg", "lstsq", "{ let t = lstsq(a, [x[0], x[1], 1.0]); sum[i](t[i] ** 2.0) }"),
    (
        "linalg",
        "eigh",
        "{ let (t, u) = eigh(s); sum[i](t[i] * ((i + 1) as f64)) + sum[i, j](u[i, j] ** 4.0 * ((2 * i + j) as f64)) }",
    ),
    (
        "linalg",
        "svd",
        "{ let (u, t, w) = svd(a); sum[i](t[i] * ((i + 1) as f64)) + sum[i, j]((u[i, j] ** 4.0 + w[i, j] ** 2.0) * ((2 * i + j) as f64)) }",
    ),
    ("ml", "relu", "sum[i](relu(x)[i] ** 2.0)"),
    ("ml", "leaky_relu", "sum[i](leaky_relu(x, 0.3)[i] ** 2.0)"),
    ("ml", "elu", "sum[i](elu(x, x[0])[i] ** 2.0)"),
    ("ml", "selu", "sum[i](selu(x)[i] ** 2.0)"),
    ("ml", "gelu", "sum[i](gelu(x)[i] ** 2.0)"),
    ("ml", "silu", "sum[i](silu(x)[i] ** 2.0)"),
    ("ml", "softplus", "sum[i](softplus(x)[i] ** 2.0)"),
    ("ml", "sigmoid", "sum[i](sigmoid(x)[i] ** 2.0)"),
    ("ml", "hardtanh", "sum[i](hardtanh(2.0 * x)[i] ** 2.0)"),
    ("ml", "hardsigmoid", "sum[i](hardsigmoid(6.0 * x)[i] ** 2.0)"),
    ("ml", "mish", "sum[i](mish(x)[i] ** 2.0)"),
    ("ml", "softsign", "sum[i](softsign(x)[i] ** 2.0)"),
    ("ml", "softmax", "{ let t = softmax[k](p); sum[b, k](t[b, k] ** 2.0 * ((b + k) as f64)) }"),
    ("ml", "log_softmax", "{ let t = log_softmax[k](p); sum[b, k](t[b, k] ** 2.0 * ((b + k) as f64)) }"),
    ("ml", "logsumexp", "{ let t = logsumexp[k](p); sum[b](t[b] ** 2.0) }"),
    ("ml", "layer_norm", "{ let t = layer_norm[k](p, u, w, 1e-3); sum[b, k](t[b, k] ** 3.0 * ((b + 1) as f64)) }"),
    ("ml", "rms_norm", "{ let t = rms_norm[k](p, u, 1e-3); sum[b, k](t[b, k] ** 3.0 * ((b + 1) as f64)) }"),
    ("ml", "batch_norm", "{ let t = batch_norm(p, u, w, 1e-3); sum[b, k](t[b, k] ** 3.0 * ((b + 1) as f64)) }"),
    ("ml", "conv1d", "{ let t = conv1d([v], [[[x[0], x[1]]]], 1, 1, 1, 1); sum[i, j](t[i, j] ** 2.0) }"),
    (
        "ml",
        "conv2d",
        "{ let t = conv2d([a], [[[[x[0], x[1]], [x[2], 1.0]]]], 1, 1, 1, 1); sum[c, i, j](t[c, i, j] ** 2.0) }",
    ),
    (
        "ml",
        "conv3d",
        "{ let t = conv3d([[a]], [[[[[x[0], x[1]], [x[2], 1.0]]]]], 1, 0, 1, 1); sum[c, d, i, j](t[c, d, i, j] ** 2.0) }",
    ),
    ("ml", "conv_transpose", "{ let t = conv_transpose([v], [[[x[0], x[1]]]], 2, 0); sum[i, j](t[i, j] ** 2.0) }"),
    ("ml", "max_pool1d", "{ let t = max_pool1d(v, 2, 1); sum[i](t[i] ** 2.0) }"),
    ("ml", "max_pool2d", "{ let t = max_pool2d(a, 2, 1); sum[i, j](t[i, j] ** 2.0) }"),
    ("ml", "avg_pool1d", "{ let t = avg_pool1d(v, 2, 1); sum[i](t[i] ** 2.0) }"),
    ("ml", "avg_pool2d", "{ let t = avg_pool2d(a, 2, 1); sum[i, j](t[i, j] ** 2.0) }"),
    (
        "ml",
        "attention",
        "{ let q[i in 0..3, head in 0..1, d in 0..3] = x[3 * i + d]; let t = attention[i, i, head, d](q, q, q); sum[i, head, d](t[i, head, d] ** 2.0) }",
    ),
    ("ml", "embedding", "{ let t = embedding(a, [1, 1, 0]); sum[i, j](t[i, j] ** 2.0) }"),
    ("ml", "rnn", "{ let t = rnn(a, a, a, u, w); sum[i, j](t[i, j] ** 2.0) }"),
    (
        "ml",
        "lstm",
        "{ let g[q in 0..4, i in 0..3, h in 0..3] = x[i] * x[h + q]; let o[q in 0..4, h in 0..3] = x[q + h]; let (t, c) = lstm(a, g, g, o, u, w); sum[i, j](t[i, j] * c[i, j]) }",
    ),
    (
        "ml",
        "gru",
        "{ let g[q in 0..3, i in 0..3, h in 0..3] = x[i] * x[h + q]; let o[q in 0..3, h in 0..3] = x[q + h]; let t = gru(a, g, g, o, u); sum[i, j](t[i, j] ** 2.0) }",
    ),
    ("ml", "dropout", "sum[i](dropout(x, 0.3, 7)[i] ** 2.0)"),
    ("ml", "mse", "mse(v, v * v)"),
    ("ml", "mae", "mae(v, v * v + 2.0)"),
    ("ml", "huber", "huber(v, v * v + 2.0, 1.0)"),
    ("ml", "cross_entropy", "cross_entropy[k](p, [0, 2, 1])"),
    ("ml", "nll", "nll[k](p, [0, 2, 1]) ** 2.0"),
    (
        "ml",
        "binary_cross_entropy",
        "{ let t[i in 0..4] = 0.5 + 0.2 * v[i]; binary_cross_entropy(t, [1.0, 0.0, 0.3, 1.0]) }",
    ),
    (
        "ml",
        "kl",
        "{ let t[b in 0..3, k in 0..3] = 1.0 + p[b, k] ** 2.0; let r[b in 0..3, k in 0..3] = 2.0 + p[b, k]; kl[k](t, r) }",
    ),
    ("ml", "hinge", "hinge(v, [1.0, -1.0, 1.0, 1.0])"),
    ("ml", "cosine", "{ let t = cosine[k](p, a2); sum[b](t[b] ** 2.0) }"),
    ("ml", "gumbel_softmax", "{ let t = gumbel_softmax[k](p, 0.7, 3); sum[b, k](t[b, k] ** 2.0) }"),
    ("ml", "soft_sort", "{ let t = soft_sort[k](p, 0.5); sum[b, k](t[b, k] ** 2.0) }"),
    ("ml", "soft_rank", "{ let t = soft_rank[k](p, 0.5); sum[b, k](t[b, k] ** 2.0) }"),
    ("ml", "sinkhorn", "{ let t = sinkhorn(a, 3); sum[i, j](t[i, j] ** 2.0) }"),
    ("numerics", "euler", "{ let t = euler(|t, y| -y * y, v, 0.0, 1.0, 3); sum[i](t[3, i] ** 2.0) }"),
    ("numerics", "rk4", "{ let t = rk4(|t, y| -y * y, v, 0.0, 1.0, 3); sum[i](t[3, i] ** 2.0) }"),
    ("numerics", "dopri5", "dopri5(|t, y| -x[1] * y, x[0], 0.0, 1.0, 1e-10, 1000)"),
    ("numerics", "newton", "newton(|t| t * t - 2.0 - x[0], 1.0f64, 30)"),
    ("numerics", "fixed_point", "fixed_point(|t| 0.3 * t + 0.2 * x[3] * t * t + x[0] * x[1], 0.0f64, 80)"),
    ("numerics", "trapezoid", "trapezoid(|t| t * t * x[1], x[2], 1.0, 4)"),
    ("numerics", "simpson", "simpson(|t| t ** 4.0 * x[1], x[2], 1.0, 4)"),
    ("numerics", "fft", "{ let (re, im) = fft(v, v * v); sum[i](re[i] ** 2.0 * im[i]) }"),
    ("numerics", "ifft", "{ let (re, im) = ifft(v, v * v); sum[i](re[i] ** 2.0 * im[i]) }"),
    ("numerics", "interpolate", "interpolate(1.3 + x[0], [0.0, 1.0, 2.0, 3.0], v) ** 2.0"),
    (
        "numerics",
        "least_squares",
        "{ let t = least_squares(|q| q[0] + q[1] * (1.0 + 0.1 * q[1]) * [0.0f64, 1.0, 2.0, 3.0] - v, [0.0f64, 0.0], 10); t[0] * t[1] }",
    ),
    ("numerics", "warping_cost", "warping_cost(a)"),
    ("optim", "sgd", "{ let t = sgd(v, v * v, x[5]); sum[i](t[i] ** 2.0) }"),
    ("optim", "momentum", "{ let (t, m) = momentum(v, v * v, v, 0.1, 0.9); sum[i](t[i] * m[i]) }"),
    ("optim", "rmsprop", "{ let (t, m) = rmsprop(v, v + 2.0, v * v + 1.0, 0.1); sum[i](t[i] * m[i]) }"),
    ("optim", "adam", "{ let (t, m, q) = adam(v, v + 2.0, v, v * v + 1.0, 3, 0.1); sum[i](t[i] * m[i] * q[i]) }"),
    (
        "optim",
        "adamw",
        "{ let (t, m, q) = adamw(v, v + 2.0, v, v * v + 1.0, 3, 0.1, x[5]); sum[i](t[i] * m[i] * q[i]) }",
    ),
    ("optim", "warmup", "warmup(x[0], 2, 5) ** 2.0"),
    ("optim", "cosine_decay", "cosine_decay(x[0], 2, 5) ** 2.0"),
    ("optim", "exponential_decay", "exponential_decay(x[0], 2, 5, 0.5 + x[1] * x[1])"),
    ("optim", "linear_decay", "linear_decay(x[0], 2, 5) ** 2.0"),
];

/// Functions of integers, of keys and of addresses, and those whose derivative is another function's on purpose.
const WITHOUT: &[(&str, &[&str])] = &[
    ("math", &["factorial"]),
    ("array", &["unique", "arange", "eye", "one_hot", "nonzero", "searchsorted"]),
    ("ml", &["straight_through"]),
    ("numerics", &["bisection", "edit_distance", "viterbi"]),
    ("optim", &["lbfgs"]),
    ("random", &["fold_in", "uniform", "uniform64", "normal", "bernoulli", "gumbel", "categorical", "permutation"]),
];

/// A program that prints the gradient of `body` and differences of its values, then its second derivatives along a
/// direction and differences of gradients along it.
fn program(import: &str, body: &str) -> String {
    let second = "\
        fn slope(x: [f64; n]) -> [f64; n] { let y = f(x); let g = @y / @x; g[n] }\n\
        fn along(x: [f64; n], v: [f64; n], by: f64) -> [f64; n] { x[n] + by * v[n] }\n\
        let v = [0.3f64, -0.2, 0.7, 0.5, -0.9, 0.4, 0.1, -0.6, 0.8];\n\
        let h = @g / @x;\n\
        let curve[i] = sum[k](h[i, k] * v[k]);\n\
        let rise[i] = (slope(along(x, v, 1e-5))[i] - slope(along(x, v, -1e-5))[i]) / 2e-5;\n\
        print(curve);\nprint(rise);\n";
    format!(
        "{import}\n\
         fn f(x: [f64; n]) -> f64 {{\n\
             let v[i in 0..4] = x[i];\n\
             let u[k in 0..3] = x[k + 3] + 1.0;\n\
             let w[k in 0..3] = x[k + 6];\n\
             let p[b in 0..3, k in 0..3] = x[3 * b + k];\n\
             let a2[b in 0..3, k in 0..3] = x[3 * k + b] + 0.3;\n\
             let a[i in 0..3, j in 0..3] = x[3 * i + j] + (if i == j {{ 2.0 }} else {{ 0.0 }});\n\
             let s[i in 0..3, j in 0..3] = 0.5 * (a[i, j] + a[j, i]) + (if i == j {{ (i as f64) * 0.7 }} else {{ 0.0 }});\n\
             {body}\n\
         }}\n\
         fn moved(x: [f64; n], k: i32, by: f64) -> [f64; n] {{ x[n] + (if n == k {{ by }} else {{ 0.0 }}) }}\n\
         let x = [0.31f64, -0.47, 0.83, 0.12, 0.55, -0.23, 0.71, 0.44, -0.62];\n\
         let y = f(x);\n\
         let g = @y / @x;\n\
         let d[k in 0..9] = (f(moved(x, k, 1e-5)) - f(moved(x, k, -1e-5))) / 2e-5;\n\
         print(g);\nprint(d);\n\
         {second}"
    )
}

fn compared(text: &str, what: &str, stack_bytes: usize) -> Result<(), String> {
    let found = support::without_panic(|| lines_of(text, stack_bytes)).unwrap_or_else(Err)?;
    found.chunks(2).try_for_each(|pair| match pair {
        [derivative, differences] => near(what, derivative, differences),
        _ => Err(format!("{} lines", found.len())),
    })
}

#[test]
fn every_function_of_the_library_is_compared_or_has_no_derivative() {
    let mut named: BTreeSet<(String, String)> = BTreeSet::new();
    named.extend(WITH_DERIVATIVE.iter().map(|(module, name, _)| (module.to_string(), name.to_string())));
    for (module, names) in WITHOUT {
        named.extend(names.iter().map(|name| (module.to_string(), name.to_string())));
    }
    let mut there: BTreeSet<(String, String)> = BTreeSet::new();
    for (path, text) in driver::LIBRARY {
        let module = path.trim_end_matches(".ein").rsplit(['/', ':']).next().unwrap_or_default();
        for line in text.lines().filter_map(|line| line.strip_prefix("pub fn ")) {
            let name = line.split(['(', '[']).next().unwrap_or_default();
            there.insert((module.to_owned(), name.to_owned()));
        }
    }
    assert_eq!(there.difference(&named).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "in no table");
    assert_eq!(named.difference(&there).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "not in the library");
}

#[test]
fn functions_of_the_library_have_the_derivatives_that_differences_say() {
    let complaints: Vec<String> = driver::on_a_large_stack(|stack_bytes| {
        let complaint = |(module, name, body): &(&str, &str, &str)| {
            let text = program(&format!("use std::{module}::{name};"), body);
            compared(&text, name, stack_bytes).err().map(|what| format!("{module}::{name}: {what}"))
        };
        WITH_DERIVATIVE.iter().filter_map(complaint).collect()
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

#[test]
fn operations_have_the_derivatives_that_differences_say() {
    let mut complaints = Vec::new();
    for row in ROWS {
        assert!(!row.samples.is_empty(), "`{}` has no samples", row.name);
        // A truth value and an integer have no derivative; `polygamma` is reached through `digamma`.
        if matches!(row.domain, Domain::Compare | Domain::Logic | Domain::Int) || row.name == "polygamma" {
            continue;
        }
        for sample in row.samples {
            let exponent = matches!(row.domain, Domain::FloatInt);
            let call = match (row.name, row.arity) {
                ("neg", _) => "-x[0]".to_owned(),
                ("powi", _) => format!("x[0] ** {}", sample[1]),
                (name, 2) if row.op.is_infix() => format!("x[0] {name} x[1]"),
                (name, arity) => {
                    let operands: Vec<String> = (0..arity).map(|k| format!("x[{k}]")).collect();
                    format!("{name}({})", operands.join(", "))
                }
            };
            let operands = if exponent { 1 } else { row.arity };
            let import = if row.op.is_infix() || ["neg", "powi"].contains(&row.name) {
                String::new()
            } else {
                format!("use std::math::{};", row.name)
            };
            let numbers: Vec<String> = sample[..operands].iter().map(|number| format!("{number:?}f64")).collect();
            let text = format!(
                "{import}\n\
                 fn f(x: [f64; n]) -> f64 {{ {call} }}\n\
                 fn moved(x: [f64; n], k: i32, by: f64) -> [f64; n] {{ x[n] + (if n == k {{ by }} else {{ 0.0 }}) }}\n\
                 let x = [{}];\n\
                 let y = f(x);\n\
                 let g = @y / @x;\n\
                 let d[k in 0..{operands}] = (f(moved(x, k, 1e-5)) - f(moved(x, k, -1e-5))) / 2e-5;\n\
                 print(g);\nprint(d);\n",
                numbers.join(", ")
            );
            let found = driver::on_a_large_stack(|stack_bytes| compared(&text, row.name, stack_bytes));
            if let Err(what) = found {
                complaints.push(format!("{} at {sample:?}: {what}", row.name));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

/// Of `g(x, 2)`, the second result is `x * x / 4`; of a transform, the imaginary part of four numbers is `x[1] - x[3]` twice.
#[test]
fn one_of_two_results_has_second_derivatives() {
    let text = "use std::numerics::fft;
        fn g(x: [f64; ?], k: i32) -> ([f64; ?], [f64; ?]) {
            if k == 0 { (x * 2.0, x * x) } else { let (a, b) = g(x, k - 1); (a + b, b * 0.5) }
        }
        let x: [f64; 2] = [1.0, 2.0];
        let (first, second) = g(x, 2);
        let loss = sum[i](second[i] ** 2.0);
        let d = @loss / @x;
        let h = @d / @x;
        print(h);
        print([0.75, 0.0, 0.0, 3.0]);
        let y: [f64; 4] = [1.0, 2.0, -1.0, 0.5];
        let zero: [f64; 4] = [0.0, 0.0, 0.0, 0.0];
        let (real, turned) = fft(y, zero);
        let power = sum[k](turned[k] ** 2.0);
        let by_y = @power / @y;
        let twice = @by_y / @y;
        print(twice);
        print([0, 0, 0, 0, 0, 4, 0, -4, 0, 0, 0, 0, 0, -4, 0, 4]);
        ";
    let found = driver::on_a_large_stack(|stack_bytes| compared(text, "second derivatives", stack_bytes));
    assert_eq!(found, Ok(()));
}
