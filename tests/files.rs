//! Files: what is written reads back, what other programs wrote is read, and what is damaged is told.

mod harness;

use harness::{Outcome, einc, repository, scratch};
use std::path::Path;

fn run(folder: &Path, program: &str) -> Outcome {
    std::fs::write(folder.join("program.ein"), program).expect("the folder can be written");
    einc(folder, &["run", "program.ein"])
}

fn prints(folder: &Path, program: &str, output: &str) {
    let outcome = run(folder, program);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str(), outcome.status), (output, "", 0), "{program}");
}

/// The program ends with that code, and says all of these words.
fn fails(folder: &Path, program: &str, code: &str, words: &[&str]) {
    let outcome = run(folder, &format!("use std::io::*;\n{program}"));
    let first = outcome.stderr.lines().next().unwrap_or("");
    assert!(outcome.status == 3 && first.contains(code), "{program}\n{}", outcome.stderr);
    for word in words {
        assert!(first.contains(word), "{program}\n{first}\nlacks {word}");
    }
}

/// A folder with the files that numpy wrote.
fn from_numpy(name: &str) -> std::path::PathBuf {
    let folder = scratch(name);
    for file in ["numpy.npz", "packed.npz"] {
        std::fs::copy(repository().join("tests/files").join(file), folder.join(file))
            .expect("a file of this repository");
    }
    folder
}

#[test]
fn archives_of_numpy() {
    let folder = from_numpy("archives");
    let program = r#"
        use std::io::*;
        print(npz_names("numpy.npz"), npz_names("packed.npz"));
        print(load_npz("numpy.npz", "w") as [f32; 2, ?], load_npz("numpy.npz", "t") as [i64; ?, ?]);
        print(load_npz("numpy.npz", "rate") as f64, load_npz("numpy.npz", "flags") as [bool; 2]);
        let big = load_npz("packed.npz", "big") as [f64; 50, 40];
        print(sum[i, j](big[i, j]), len(big));
        struct All { rate: f32, flags: [bool; ?], w: [f64; ?, 3] }
        print(load_npz("numpy.npz") as All);
    "#;
    let output = "[\"w\", \"t\", \"rate\", \"flags\"] [\"big\", \"z\"]\n\
        [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]] [[0, 1, 2], [3, 4, 5]]\n\
        0.5 [true, false]\n\
        0.0 50\n\
        All { rate: 0.5, flags: [true, false], w: [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]] }\n";
    prints(&folder, program, output);
}

#[test]
fn archives_read_back_in_every_type() {
    let folder = scratch("archive_types");
    let program = r#"
        use std::io::*;
        struct Types { a: [bool; 2], b: [i8; 1], c: [u8; 1], d: [i32; 1, 2], e: [i64; 1], f: [f16; 1], g: [bf16; 1],
                       h: [f32; 2], i: [f64; 0], j: (f64, i32) }
        let none = [x | x in [0.5f64], x > 1.0];
        let all = Types { a: [true, false], b: [-128i8], c: [255u8], d: [[1, -2]], e: [9007199254740993i64],
                          f: [0.1f16], g: [0.1bf16], h: [0.1, 1e-40], i: none, j: (0.25, 7) };
        save_npz("all.npz", all);
        save_safetensors("all.safetensors", all);
        print((load_npz("all.npz") as Types) == all, (load_safetensors("all.safetensors") as Types) == all);
        print(npz_names("all.npz"));
    "#;
    let output = "true true\n[\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\", \"j.0\", \"j.1\"]\n";
    prints(&folder, program, output);
}

#[test]
fn damaged_archives() {
    let folder = from_numpy("damaged");
    let whole = std::fs::read(folder.join("numpy.npz")).expect("a file of this repository");
    for (name, bytes) in [("half.npz", &whole[..whole.len() / 2]), ("empty.npz", &[][..]), ("text.npz", b"w = 1\n")] {
        std::fs::write(folder.join(name), bytes).expect("the folder can be written");
    }
    let mut changed = whole.clone();
    changed[150] ^= 0xff;
    std::fs::write(folder.join("changed.npz"), changed).expect("the folder can be written");
    std::fs::write(folder.join("huge.safetensors"), 10_000_000_000u64.to_le_bytes())
        .expect("the folder can be written");
    std::fs::write(folder.join("cut.safetensors"), 100u64.to_le_bytes()).expect("the folder can be written");
    let load = |file: &str, entry: &str| format!(r#"print(load_npz("{file}", "{entry}") as [f32; ?, ?]);"#);
    fails(&folder, &load("half.npz", "w"), "E0906", &["`half.npz`", "cut short"]);
    fails(&folder, &load("empty.npz", "w"), "E0906", &["`empty.npz`", "not a zip archive"]);
    fails(&folder, &load("text.npz", "w"), "E0906", &["`text.npz`", "not a zip archive"]);
    fails(&folder, &load("changed.npz", "w"), "E0906", &["`changed.npz`", "`w.npy`", "checksum"]);
    fails(&folder, &load("numpy.npz", "v"), "E0906", &["no entry `v`", "`w`, `t`, `rate`, `flags`"]);
    fails(&folder, &load("packed.npz", "z"), "E0906", &["`z`", "`<c16`"]);
    fails(&folder, &load("absent.npz", "w"), "E0906", &["no such file"]);
    fails(&folder, &load(".", "w"), "E0906", &["is a folder"]);
    fails(&folder, &load("numpy.npz", "rate"), "E0905", &["`f64`", "[f32; ?, ?]"]);
    fails(&folder, r#"print(load_npz("numpy.npz", "w") as f32);"#, "E0905", &["`[f32; 2, 3]`", "`f32`"]);
    fails(
        &folder,
        r#"struct W { w: [f32; 3, 2] } print(load_npz("numpy.npz") as W);"#,
        "E0905",
        &["`w`", "`[f32; 2, 3]`"],
    );
    fails(&folder, r#"struct W { v: [f32] } print(load_npz("numpy.npz") as W);"#, "E0906", &["no entry `v`"]);
    fails(&folder, r#"print(safetensors_names("huge.safetensors"));"#, "E0906", &["a header of 10000000000 bytes"]);
    fails(&folder, r#"print(safetensors_names("cut.safetensors"));"#, "E0906", &["should have 100 bytes"]);
    fails(&folder, r#"save_npz("twice.npz", ("a", 1), ("a", 2));"#, "E0906", &["two entries have the name `a`"]);
    fails(&folder, r#"save_npz("no/such/folder.npz", ("a", 1));"#, "E0906", &["no such file"]);
}

#[test]
fn tables() {
    let folder = scratch("tables");
    std::fs::write(folder.join("bytes.csv"), b"a,b\n1,\xff\n").expect("the folder can be written");
    std::fs::write(folder.join("holes.csv"), "a,b\n1,2\n3,\n").expect("the folder can be written");
    std::fs::write(folder.join("ragged.csv"), "1,2\n3\n").expect("the folder can be written");
    let program = r#"
        use std::io::*;
        let m = [[0.1, -2.5e-8], [1e20, 3.0]];
        save_csv("m.csv", m);
        assert((load_csv("m.csv") as [f32; ?, ?]) == m);
        print(read_text("m.csv"));
        save_csv("v.csv", [1i64, 9007199254740993i64], ["big, and \"quoted\""]);
        print(load_csv("v.csv") as [i64; ?, 1], read_csv("v.csv"));
        save_csv("e.csv", [x | x in [1.0], x > 2.0], ["x"]);
        print(load_csv("e.csv") as [f64; ?, ?]);
    "#;
    let output = "0.1,-2.5e-8\n1e20,3.0\n\n[[1], [9007199254740993]] \
        [[\"big, and \\\"quoted\\\"\"], [\"1\"], [\"9007199254740993\"]]\n[]\n";
    prints(&folder, program, output);
    fails(&folder, r#"print(read_csv("bytes.csv"));"#, "E0906", &["line 2 is not valid UTF-8"]);
    fails(&folder, r#"print(load_csv("holes.csv") as [f64; ?, 2]);"#, "E0906", &["line 3, column `b`", "not a number"]);
    fails(&folder, r#"print(load_csv("ragged.csv") as [f64; ?, 2]);"#, "E0906", &["line 2 has 1 fields", "2"]);
    fails(&folder, r#"print(load_csv_column("holes.csv", "c") as [f64]);"#, "E0906", &["no column `c`", "`a`, `b`"]);
    fails(&folder, r#"print(load_csv("ragged.csv", "") as [f64; ?, 2]);"#, "E0906", &["a delimiter is one character"]);
    fails(&folder, r#"save_csv("w.csv", [[1, 2]], ["a"]);"#, "E0906", &["a header of 1 names over 2 columns"]);
    fails(&folder, r#"print(load_csv("m.csv") as [f32; 3, 2]);"#, "E0905", &["2", "3"]);
    fails(&folder, r#"print(load_csv(".") as [f32; 3, 2]);"#, "E0906", &["is a folder"]);
}

#[test]
fn json() {
    let folder = scratch("json");
    std::fs::write(folder.join("cut.json"), r#"{"a": [1, 2"#).expect("the folder can be written");
    std::fs::write(folder.join("bytes.json"), b"\"\xff\"").expect("the folder can be written");
    let types = "enum Shape { Dot, Circle(f32), Rect { w: f32, h: f32 }, Pair(i32, str) }\n\
        struct Tree { name: str, shapes: [Shape], kids: [Tree], at: [f64; 2] }\n";
    let program = format!(
        r#"
        use std::io::*;
        {types}
        let leaf = Tree {{ name: "ä \"q\"\n", shapes: [Shape::Dot, Shape::Circle(0.1)], kids: [], at: [1.0, 2.0] }};
        let tree = Tree {{ name: "", shapes: [Shape::Rect {{ w: 1.0, h: 2.5 }}, Shape::Pair(3, "x")], kids: [leaf], at: [0.1, 1e-9] }};
        save_json("tree.json", tree);
        print((load_json("tree.json") as Tree) == tree);
        print(to_json(tree.shapes), to_json((1, true, "a", ())), to_json([[1.5f16]]));
        print(parse_json("[[1, 2], [3]]") as [[i32]], parse_json("[]") as [f32; ?, ?], parse_json(" 7 ") as i64);
        print(parse_json("[\"a\", \"b\"]") as [str], (try (parse_json("x") as f64)).ok);
        "#
    );
    let output = "true\n[{\"Rect\": {\"w\": 1.0, \"h\": 2.5}}, {\"Pair\": [3, \"x\"]}] [1, true, \"a\", null] [[1.5]]\n\
        [[1, 2], [3]] [] 7\n[\"a\", \"b\"] false\n";
    prints(&folder, &program, output);
    let stated =
        |text: &str, ty: &str| format!("{types}print(parse_json({text:?}.text) as {ty});").replace(".text", "");
    let stated = |text: &str, ty: &str| stated(&text.replace('{', "{{").replace('}', "}}"), ty);
    fails(&folder, r#"print(load_json("cut.json") as [i32; ?]);"#, "E0906", &["`cut.json`", "line 1 column 11"]);
    fails(&folder, r#"print(load_json("bytes.json") as str);"#, "E0906", &["not valid UTF-8"]);
    fails(&folder, &stated("[1, 300]", "[u8; ?]"), "E0905", &["the number 300", "`$[1]`", "`u8`"]);
    fails(&folder, &stated("[1, 2.5]", "[i32; ?]"), "E0905", &["2.5", "`$[1]`", "`i32`"]);
    fails(&folder, &stated("[[1], [2, 3]]", "[i32; ?, ?]"), "E0905", &["an array of 2", "`$[1]`", "an array of 1"]);
    fails(&folder, &stated("[1, 2, 3]", "[f32; 2]"), "E0905", &["`[f32; 3]`", "`[f32; 2]`"]);
    fails(&folder, &stated("\"Square\"", "Shape"), "E0905", &["`Square`", "Dot or Circle or Rect or Pair"]);
    fails(&folder, &stated("{\"Circle\": \"big\"}", "Shape"), "E0905", &["a text", "`$.Circle`", "`f32`"]);
    let deep = "{\"name\": \"a\", \"shapes\": [], \"kids\": [{\"name\": \"b\", \"shapes\": [], \"kids\": [], \"at\": [1]}], \"at\": [1, 2]}";
    fails(&folder, &stated(deep, "Tree"), "E0905", &["`[f64; 1]`", "`$.kids[0].at`", "`[f64; 2]`"]);
    fails(&folder, &stated("{\"name\": \"a\"}", "Tree"), "E0905", &["`name`", "the field `shapes` of `Tree`"]);
    fails(&folder, r#"let x = [1.0]; save_json("nan.json", [0.0, (x[0] - 1.0) / (x[0] - 1.0)]);"#, "E0905", &["nan"]);
}

#[test]
fn lines_and_folders() {
    let folder = scratch("lines");
    std::fs::write(folder.join("windows.txt"), "one\r\n\r\nthree").expect("the folder can be written");
    let program = r#"
        use std::io::*;
        print(read_lines("windows.txt"));
        write_lines("none.txt", []);
        print(len(read_text("none.txt")), read_lines("none.txt"));
        create_folder("b/c");
        write_text("b/a.txt", "x");
        print(list_folder("b"), file_exists("b/c"), file_exists("b/d"));
        print(join_path("a", "/b"), file_name("/"), parent_folder("a"), file_extension(".hidden"));
    "#;
    let output = "[\"one\", \"\", \"three\"]\n0 []\n[\"a.txt\", \"c\"] true false\n/b   \n";
    prints(&folder, program, output);
    fails(&folder, r#"print(list_folder("nowhere"));"#, "E0906", &["`nowhere`", "no such file"]);
    fails(&folder, r#"remove_file("nothing");"#, "E0906", &["`nothing`", "no such file"]);
    fails(&folder, r#"print(read_lines("b"));"#, "E0906", &["`b`", "is a folder"]);
}
