//! Strings, lists, structs, enums and files, through the rows of the runtime.

mod build;

use build::*;
use ir::Scalar;
use ir::loops::*;

const P: Ty = Ty::Ptr;
const I: Ty = Ty::I64;

/// Layouts of the programs here, by name.
const F32: i32 = 0;
const STR: i32 = 1;
const I32: i32 = 2;
const MATRIX: i32 = 3;
const PAIR: i32 = 4;
const PAIRS: i32 = 5;
const POINT: i32 = 6;
const SHAPE: i32 = 7;
const STRINGS: i32 = 8;
const VECTOR: i32 = 9;
const UNIT: i32 = 10;
const ROWS: i32 = 11;
const CHAIN: i32 = 12;
const BOOL: i32 = 13;

fn layouts() -> Vec<Layout> {
    let id = |n: i32| LayoutId(n as u32);
    let names = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
    let variant = |name: &str, fields: &[i32], labels: Option<&[&str]>| VariantLayout {
        name: name.to_string(),
        fields: fields.iter().map(|f| id(*f)).collect(),
        names: labels.map(names),
    };
    vec![
        Layout::Scalar(Scalar::F32),
        Layout::Str,
        Layout::Scalar(Scalar::I32),
        Layout::Tensor(id(F32), 2),
        Layout::Tuple { name: None, fields: vec![id(I32), id(STR)], names: vec![] },
        Layout::List(id(PAIR)),
        Layout::Tuple { name: Some("Point".to_string()), fields: vec![id(F32), id(F32)], names: names(&["x", "y"]) },
        Layout::Enum {
            name: "Shape".to_string(),
            variants: vec![
                variant("Circle", &[F32], None),
                variant("Rect", &[F32, F32], Some(&["w", "h"])),
                variant("Red", &[], None),
                variant("Named", &[STR], None),
            ],
        },
        Layout::List(id(STR)),
        Layout::Tensor(id(F32), 1),
        Layout::Unit,
        Layout::List(id(VECTOR)),
        Layout::Enum {
            name: "Chain".to_string(),
            variants: vec![variant("End", &[], None), variant("Link", &[I32, CHAIN], None)],
        },
        Layout::Scalar(Scalar::Bool),
    ]
}

/// A program in the making: statements of its entry, its literals and its locals.
struct Script {
    body: Vec<St>,
    data: Vec<std::rc::Rc<[u8]>>,
    locals: Vec<Ty>,
}

impl Script {
    fn new() -> Script {
        Script { body: vec![], data: vec![], locals: vec![] }
    }

    fn local(&mut self, ty: Ty) -> u32 {
        self.locals.push(ty);
        self.locals.len() as u32 - 1
    }

    /// Calls a row with one result.
    fn rt(&mut self, name: &'static str, args: Vec<Ex>) -> u32 {
        let result = self.local(rt::row(name).results[0]);
        self.body.push(rt(name, args, &[result]));
        result
    }

    fn run_row(&mut self, name: &'static str, args: Vec<Ex>) {
        self.body.push(rt(name, args, &[]));
    }

    fn text(&mut self, literal: &str) -> u32 {
        let result = self.local(P);
        let statement = text(&mut self.data, literal, result);
        self.body.push(statement);
        result
    }

    /// Words in the scratch memory from a byte on.
    fn words(&mut self, at: u32, words: &[(Ty, Ex)]) -> Ex {
        for (place, (ty, value)) in words.iter().enumerate() {
            self.body.push(St::Store(*ty, Ex::Scratch(at + 8 * place as u32), int(0), value.clone()));
        }
        Ex::Scratch(at)
    }

    fn release(&mut self, n: u32) {
        self.body.push(release(n));
    }

    /// Prints a value and gives its objects back.
    fn print(&mut self, layout: i32, words: &[(Ty, Ex)]) {
        let words_at = self.words(128, words);
        let text = self.rt("value_text", vec![i32(layout), words_at]);
        self.run_row("print_line", vec![local(text)]);
        self.release(text);
        for (_, word) in words.iter().filter(|(ty, _)| *ty == P) {
            let Ex::Local(local) = word else { unreachable!("objects are in locals here") };
            self.release(local.0);
        }
    }

    fn tensor(&mut self, extents: &[i64], values: &[f32]) -> u32 {
        let extents: Vec<_> = extents.iter().map(|extent| (I, int(*extent))).collect();
        let at = self.words(64, &extents);
        self.data.push(values.iter().flat_map(|v| v.to_ne_bytes()).collect());
        let data = Ex::Data(self.data.len() as u32 - 1);
        self.rt("tensor_from", vec![i32(F32), i32(extents.len() as i32), at, data])
    }

    fn finish(self) -> Outcome {
        let mut program = module(vec![function("main", 0, &[], &self.locals, self.body)]);
        (program.layouts, program.data) = (layouts(), self.data);
        program.sites[0].code = "E0910";
        run(&program)
    }

    /// The output of a program that ends well and leaves nothing behind.
    fn output(self) -> String {
        let outcome = self.finish();
        assert_eq!((outcome.code(), outcome.live), ("fine", 0), "{:?}", outcome.failure);
        outcome.output
    }
}

#[test]
fn values_print_by_their_layout() {
    let mut script = Script::new();
    let greeting = script.text("a \"b\"\n");
    script.print(STR, &[(P, local(greeting))]);
    let quoted = script.text("a \"b\"\n");
    script.print(PAIR, &[(Ty::I32, i32(-1)), (P, local(quoted))]);
    script.print(POINT, &[(Ty::F32, Ex::F32(1.0)), (Ty::F32, Ex::F32(-0.5))]);
    script.print(UNIT, &[]);
    script.print(BOOL, &[(Ty::I8, Ex::Int(Ty::I8, 1))]);
    let matrix = script.tensor(&[2, 2], &[1.0, 2.0, 3.5, 4e20]);
    script.print(MATRIX, &[(P, local(matrix))]);
    let empty = script.tensor(&[0, 3], &[]);
    script.print(MATRIX, &[(P, local(empty))]);
    let output = script.output();
    let wanted = ["a \"b\"", "", "(-1, \"a \\\"b\\\"\\n\")", "Point { x: 1.0, y: -0.5 }", "()", "true"];
    assert_eq!(output.lines().take(6).collect::<Vec<_>>(), wanted);
    assert_eq!(output.lines().skip(6).collect::<Vec<_>>(), ["[[1.0, 2.0], [3.5, 4e20]]", "[]"]);
}

#[test]
fn long_tensors_are_cut() {
    let mut script = Script::new();
    let values: Vec<f32> = (0..1200).map(|v| v as f32).collect();
    let long = script.tensor(&[2, 600], &values);
    script.print(MATRIX, &[(P, local(long))]);
    let whole = script.tensor(&[1000], &values[..1000]);
    script.print(VECTOR, &[(P, local(whole))]);
    let output = script.output();
    let mut lines = output.lines();
    let wanted = "[[0.0, 1.0, 2.0, ..., 597.0, 598.0, 599.0], [600.0, 601.0, 602.0, ..., 1197.0, 1198.0, 1199.0]]";
    assert_eq!(lines.next(), Some(wanted));
    assert_eq!(lines.next().unwrap().matches(", ").count(), 999);
}

#[test]
fn enums_print_like_rust_and_compare_whole() {
    let mut script = Script::new();
    let make = |script: &mut Script, tag: i32, words: &[(Ty, Ex)]| {
        let at = script.words(0, words);
        script.rt("enum_new", vec![i32(SHAPE), i32(tag), at, i32(words.len() as i32)])
    };
    let half = (Ty::F32, Ex::F32(0.5));
    let circle = make(&mut script, 0, std::slice::from_ref(&half));
    let rect = make(&mut script, 1, &[half.clone(), half]);
    let red = make(&mut script, 2, &[]);
    let name = script.text("x");
    let named = make(&mut script, 3, &[(P, local(name))]);
    let same_name = script.text("x");
    let other = make(&mut script, 3, &[(P, local(same_name))]);
    let (a, b) = (script.words(0, &[(P, local(named))]), script.words(8, &[(P, local(other))]));
    let equal = script.rt("value_eq", vec![i32(SHAPE), a.clone(), b]);
    let b = script.words(8, &[(P, local(circle))]);
    let different = script.rt("value_eq", vec![i32(SHAPE), a, b]);
    let tag = script.rt("enum_tag", vec![local(rect)]);
    for value in [circle, rect, red, named, other] {
        script.print(SHAPE, &[(P, local(value))]);
    }
    script.print(BOOL, &[(Ty::I8, local(equal))]);
    script.print(BOOL, &[(Ty::I8, local(different))]);
    script.print(I32, &[(Ty::I32, local(tag))]);
    let wanted = "Circle(0.5)\nRect { w: 0.5, h: 0.5 }\nRed\nNamed(\"x\")\nNamed(\"x\")\ntrue\nfalse\n1\n";
    assert_eq!(script.output(), wanted);
}

#[test]
fn lists_grow_and_are_taken_apart() {
    let mut script = Script::new();
    let builder = script.rt("build_new", vec![i32(PAIR)]);
    for (number, name) in [(1, "one"), (2, "two"), (3, "three")] {
        let name = script.text(name);
        let words = script.words(0, &[(Ty::I32, i32(number)), (P, local(name))]);
        script.run_row("build_push", vec![local(builder), words]);
    }
    let list = script.rt("build_list", vec![local(builder)]);
    let rest = script.rt("list_slice", vec![local(list), int(1), int(3)]);
    script.run_row("list_get", vec![local(rest), int(1), Ex::Scratch(16)]);
    let name = script.local(P);
    script.body.push(let_(name, load(P, Ex::Scratch(16), int(1))));
    let words = script.words(0, &[(Ty::I32, i32(3)), (P, local(name))]);
    let found = script.rt("list_contains", vec![i32(PAIR), words.clone(), local(list)]);
    script.body.push(St::Retain(local(name)));
    let longer = script.rt("list_append", vec![local(rest), words]);
    script.print(PAIRS, &[(P, local(list))]);
    script.print(PAIRS, &[(P, local(rest))]);
    script.print(PAIRS, &[(P, local(longer))]);
    script.print(STR, &[(P, local(name))]);
    script.print(BOOL, &[(Ty::I8, local(found))]);
    let wanted = "\
[(1, \"one\"), (2, \"two\"), (3, \"three\")]
[(2, \"two\"), (3, \"three\")]
[(2, \"two\"), (3, \"three\"), (3, \"three\")]
three
true
";
    assert_eq!(script.output(), wanted);
}

#[test]
fn builders_make_tensors() {
    let mut script = Script::new();
    let builder = script.rt("build_new", vec![i32(F32)]);
    for value in [1.0, 2.5] {
        let words = script.words(0, &[(Ty::F32, Ex::F32(value))]);
        script.run_row("build_push", vec![local(builder), words]);
    }
    let vector = script.rt("build_tensor", vec![local(builder)]);
    let rows = script.rt("build_new", vec![i32(VECTOR)]);
    for _ in 0..2 {
        script.body.push(St::Retain(local(vector)));
        let words = script.words(0, &[(P, local(vector))]);
        script.run_row("build_push", vec![local(rows), words]);
    }
    let no_row = script.words(0, &[(I, int(0))]);
    let matrix = script.rt("build_stack", vec![local(rows), i32(1), no_row]);
    let list = script.rt("tensor_to_list", vec![local(matrix), i32(VECTOR)]);
    script.print(VECTOR, &[(P, local(vector))]);
    script.print(MATRIX, &[(P, local(matrix))]);
    script.print(ROWS, &[(P, local(list))]);
    let names = script.rt("build_new", vec![i32(STR)]);
    let name = script.text("é");
    let words = script.words(0, &[(P, local(name))]);
    script.run_row("build_push", vec![local(names), words]);
    let names = script.rt("build_tensor", vec![local(names)]);
    script.print(STRINGS_TENSOR, &[(P, local(names))]);
    let wanted = "[1.0, 2.5]\n[[1.0, 2.5], [1.0, 2.5]]\n[[1.0, 2.5], [1.0, 2.5]]\n[\"é\"]\n";
    assert_eq!(script.output(), wanted);
}

/// A tensor prints by what it holds, so any layout of tensors will do.
const STRINGS_TENSOR: i32 = VECTOR;

#[test]
fn zeroed_tensors_of_strings_hold_empty_ones() {
    let mut script = Script::new();
    let extents = script.words(0, &[(I, int(2))]);
    let names = script.rt("tensor_zeroed", vec![i32(STR), i32(1), extents]);
    script.print(STRINGS_TENSOR, &[(P, local(names))]);
    assert_eq!(script.output(), "[\"\", \"\"]\n");
}

#[test]
fn indices_are_sorted_by_value() {
    let mut script = Script::new();
    let values = script.tensor(&[5], &[2.0, f32::NAN, -1.0, 2.0, 0.5]);
    let order = script.rt("tensor_argsort", vec![local(values)]);
    script.release(values);
    script.print(VECTOR, &[(P, local(order))]);
    assert_eq!(script.output(), "[2, 4, 0, 3, 1]\n");
}

#[test]
fn long_chains_take_no_stack() {
    let mut script = Script::new();
    let (counter, chain, next, same) = (script.local(I), script.local(P), script.local(P), script.local(Ty::I8));
    script.body.push(rt("enum_new", vec![i32(CHAIN), i32(0), Ex::Scratch(0), i32(0)], &[chain]));
    let link = vec![
        St::Store(I, Ex::Scratch(0), int(0), local(counter)),
        St::Store(P, Ex::Scratch(8), int(0), local(chain)),
        rt("enum_new", vec![i32(CHAIN), i32(1), Ex::Scratch(0), i32(2)], &[next]),
        set(chain, local(next)),
    ];
    script.body.push(count_to(counter, int(1_000_000), link));
    let at = script.words(0, &[(P, local(chain))]);
    script.body.push(rt("value_eq", vec![i32(CHAIN), at.clone(), at], &[same]));
    script.release(chain);
    script.print(BOOL, &[(Ty::I8, local(same))]);
    assert_eq!(script.output(), "true\n");
}

#[test]
fn formats() {
    let mut script = Script::new();
    let format: Vec<(Ty, Ex)> = [0, 0, 0, 8, 2, 'f' as i32].map(|field| (Ty::I32, i32(field))).to_vec();
    for (place, (ty, value)) in format.into_iter().enumerate() {
        script.body.push(St::Store(ty, Ex::Scratch(64), int(place as i64), value));
    }
    let words = script.words(0, &[(Ty::F32, Ex::F32(2.71875))]);
    let number = script.rt("value_format", vec![i32(F32), words, Ex::Scratch(64)]);
    let vector = script.tensor(&[2], &[1.0, 2.0]);
    for (place, field) in [0, 0, 0, 0, 3, 'f' as i32].into_iter().enumerate() {
        script.body.push(St::Store(Ty::I32, Ex::Scratch(64), int(place as i64), i32(field)));
    }
    let words = script.words(0, &[(P, local(vector))]);
    let numbers = script.rt("value_format", vec![i32(VECTOR), words, Ex::Scratch(64)]);
    script.release(vector);
    let both = script.rt("str_concat", vec![local(number), local(numbers)]);
    script.release(number);
    script.release(numbers);
    script.print(STR, &[(P, local(both))]);
    assert_eq!(script.output(), "    2.72[1.000, 2.000]\n");
}

fn path(name: &str) -> String {
    std::env::temp_dir().join(format!("einc-codegen-{}-{name}", std::process::id())).display().to_string()
}

#[test]
fn tensors_survive_files() {
    let mut script = Script::new();
    let path = path("round.npy");
    let file = script.text(&path);
    let matrix = script.tensor(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.5]);
    script.run_row("save_npy", vec![local(file), local(matrix)]);
    let loaded = script.rt("load_npy", vec![local(file)]);
    let shape = script.rt("dyn_shape", vec![local(loaded)]);
    let wanted = script.words(0, &[(I, int(2)), (I, int(-1))]);
    let code = |scalar| i32(rt::scalar_code(scalar));
    let settled = script.rt("dyn_settle", vec![local(loaded), code(Scalar::F32), i32(2), wanted.clone()]);
    let cast = script.rt("dyn_settle", vec![local(loaded), code(Scalar::I32), i32(2), wanted]);
    for object in [file, matrix, loaded] {
        script.release(object);
    }
    script.print(MATRIX, &[(P, local(settled))]);
    script.print(MATRIX, &[(P, local(cast))]);
    script.print(VECTOR, &[(P, local(shape))]);
    assert_eq!(script.output(), "[[0.0, 1.0, 2.0], [3.0, 4.0, 5.5]]\n[[0, 1, 2], [3, 4, 5]]\n[2, 3]\n");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn another_shape_and_missing_files_are_errors() {
    let mut script = Script::new();
    let path = path("shape.npy");
    let file = script.text(&path);
    let matrix = script.tensor(&[2, 1], &[0.0, 1.0]);
    script.run_row("save_npy", vec![local(file), local(matrix)]);
    let loaded = script.rt("load_npy", vec![local(file)]);
    let wanted = script.words(0, &[(I, int(64)), (I, int(-1))]);
    script.rt("dyn_settle", vec![local(loaded), i32(rt::scalar_code(Scalar::F32)), i32(2), wanted]);
    let failure = script.finish().failure.unwrap();
    assert_eq!(
        (failure.code, failure.message.as_str()),
        ("E0905", "a tensor `[f32; 2, 1]` where `[f32; 64, ?]` is needed")
    );
    std::fs::remove_file(&path).unwrap();

    let mut script = Script::new();
    let file = script.text("no/such.npy");
    script.rt("load_npy", vec![local(file)]);
    let failure = script.finish().failure.unwrap();
    assert_eq!((failure.code, failure.message.as_str()), ("E0906", "`no/such.npy`: no such file"));
}

#[test]
fn texts_go_to_files_and_back() {
    let mut script = Script::new();
    let path = path("text.txt");
    let (file, content) = (script.text(&path), script.text("zwei\nZeilen"));
    script.run_row("write_text", vec![local(file), local(content)]);
    let read = script.rt("read_text", vec![local(file)]);
    let same = script.rt("str_eq", vec![local(read), local(content)]);
    for object in [file, content] {
        script.release(object);
    }
    script.print(BOOL, &[(Ty::I8, local(same))]);
    script.print(STR, &[(P, local(read))]);
    assert_eq!(script.output(), "true\nzwei\nZeilen\n");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn panics_and_assertions() {
    let mut script = Script::new();
    let message = script.text("unknown kind of layer");
    script.run_row("print_line", vec![local(message)]);
    script.run_row("panic", vec![local(message)]);
    let outcome = script.finish();
    assert_eq!(outcome.output, "unknown kind of layer\n");
    let failure = outcome.failure.unwrap();
    assert_eq!((failure.code, failure.message.as_str()), ("E0910", "unknown kind of layer"));

    let mut script = Script::new();
    let (left, right) = (script.text("111"), script.text("112"));
    script.run_row("assert_failed", vec![Ex::Int(P, 0), local(left), local(right)]);
    let failure = script.finish().failure.unwrap();
    assert_eq!((failure.code, failure.message.as_str()), ("E0901", "assertion failed"));
    assert_eq!(failure.notes, ["left is `111`, right is `112`"]);
}

#[test]
fn lists_of_strings_contain_them() {
    let mut script = Script::new();
    let builder = script.rt("build_new", vec![i32(STR)]);
    let name = script.text("here");
    let words = script.words(0, &[(P, local(name))]);
    script.run_row("build_push", vec![local(builder), words]);
    let list = script.rt("build_list", vec![local(builder)]);
    for needle in ["here", "there"] {
        let text = script.text(needle);
        let words = script.words(0, &[(P, local(text))]);
        let found = script.rt("list_contains", vec![i32(STR), words, local(list)]);
        script.release(text);
        script.print(BOOL, &[(Ty::I8, local(found))]);
    }
    script.print(STRINGS, &[(P, local(list))]);
    assert_eq!(script.output(), "true\nfalse\n[\"here\"]\n");
}
