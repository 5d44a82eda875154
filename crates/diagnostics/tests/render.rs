use diagnostics::{Diagnostic, FileId, SourceMap, Span, render};

/// The `n`th place of `part` in the file.
fn at(sources: &SourceMap, file: FileId, part: &str, n: usize) -> Span {
    let (start, _) = sources.file(file).text.match_indices(part).nth(n).expect("the program has this part");
    Span::new(file, start, start + part.len())
}

fn one_file(text: &str) -> (SourceMap, FileId) {
    let mut sources = SourceMap::default();
    let file = sources.add("a.ein", text);
    (sources, file)
}

#[test]
fn every_party_has_its_label() {
    let (sources, file) = one_file(
        "let image[b in 0..5, pixel in 0..784] = 0.5;\n\
         let weight[p in 0..748] = 0.25;\n\
         \n\
         let dark = 0.0;\n\
         let logit[b] = sum[pixel](image[b, pixel] * weight[pixel]);\n",
    );
    let diag = Diagnostic::error("E0501", at(&sources, file, "pixel]", 2), "`pixel` has two extents")
        .label("748 by `weight`")
        .also(at(&sources, file, "pixel]", 1), "784 by `image`")
        .also(at(&sources, file, "p in 0..748", 0), "`weight` has its extent from here")
        .note("one name is one domain")
        .help("give both the same extent");
    assert_eq!(
        render(&diag, &sources, false),
        "\
[E0501] Error: `pixel` has two extents
   ╭─[ a.ein:5:52 ]
   │
 2 │ let weight[p in 0..748] = 0.25;
   │            ─────┬─────
   │                 ╰─────── `weight` has its extent from here
   │
 5 │ let logit[b] = sum[pixel](image[b, pixel] * weight[pixel]);
   │                                    ───┬──          ───┬──
   │                                       ╰──────────────────── 784 by `image`
   │                                                       │
   │                                                       ╰──── 748 by `weight`
   │
   │ Help: give both the same extent
   │
   │ Note: one name is one domain
───╯
"
    );
}

#[test]
fn a_fix_shows_the_changed_line() {
    let (sources, file) = one_file("let steps: i32 = 10;\nlet rate: f32 = 0.1;\n\tprint(steps * rate);\n");
    let diag = Diagnostic::error("E0401", at(&sources, file, "steps * rate", 0), "`i32` and `f32` do not mix")
        .label("`i32` times `f32`")
        .fix("write `steps as f32`", at(&sources, file, "steps", 1), "steps as f32");
    assert_eq!(
        render(&diag, &sources, false),
        "\
[E0401] Error: `i32` and `f32` do not mix
   ╭─[ a.ein:3:8 ]
   │
 3 │     print(steps * rate);
   │           ──────┬─────
   │                 ╰─────── `i32` times `f32`
   │
   │ Help: write `steps as f32`
   │       3 │     print(steps as f32 * rate);
───╯
"
    );
    let colored = render(&diag, &sources, true);
    assert!(colored.contains("\u{1b}[31m") && colored.contains("\u{1b}[32msteps as f32\u{1b}[0m * rate"), "{colored}");
}

#[test]
fn a_fix_may_insert_and_remove_lines() {
    let (sources, file) = one_file("let a = 1;\nlet b = (\n  2\n);\nprint(a, b);\n");
    let shown = |replacement: &str| {
        let span = at(&sources, file, "(\n  2\n)", 0);
        render(&Diagnostic::warning("W0602", span, "m").fix("write", span, replacement), &sources, false)
    };
    assert!(shown("2").contains("Help: write\n   │           2 │ let b = 2;\n───╯"), "{}", shown("2"));
    assert!(shown("{\n 2 }").contains("2 │ let b = {\n   │           3 │  2 };\n───╯"), "{}", shown("{\n 2 }"));
    assert!(shown(&"\n".repeat(30)).contains("9 │\n   │           …\n───╯"), "{}", shown(&"\n".repeat(30)));
}

#[test]
fn labels_in_two_files_make_two_frames() {
    let mut sources = SourceMap::default();
    let library = sources.add("lib.ein", "\u{feff}// größe\r\npub fn f(α: f32) -> f32 { α }\r\n");
    let main = sources.add("main.ein", "use lib;\nprint(lib::f(1, 2));\n");
    let diag = Diagnostic::error("E0206", at(&sources, main, "lib::f(1, 2)", 0), "`f` takes one argument")
        .label("two are given")
        .also(at(&sources, library, "α: f32", 0), "the parameter")
        .fix("name it", at(&sources, library, "α: f32", 0), "x: f32");
    assert_eq!(
        render(&diag, &sources, false),
        "\
[E0206] Error: `f` takes one argument
   ╭─[ main.ein:2:7 ]
   │
 2 │ print(lib::f(1, 2));
   │       ──────┬─────
   │             ╰─────── two are given
   │
   ├─[ lib.ein:2:10 ]
   │
 2 │ pub fn f(α: f32) -> f32 { α }
   │          ───┬──
   │             ╰──── the parameter
   │
   │ Help: name it
   │       in lib.ein
   │       2 │ pub fn f(x: f32) -> f32 { α }
───╯
"
    );
}

#[test]
fn the_end_of_the_file_can_be_pointed_at() {
    for text in ["let x = (1", "let x = (1\n", "", "\u{feff}", "\r\n"] {
        let (sources, file) = one_file(text);
        let diag =
            Diagnostic::error("E0102", Span::new(file, text.len(), text.len()), "`(` is not closed").label("end");
        let shown = render(&diag, &sources, false);
        assert!(shown.ends_with("╰── end\n───╯\n"), "{shown}");
        let (line, column) = sources.file(file).line_column(text.len() as u32);
        assert!(shown.contains(&format!("[ a.ein:{line}:{column} ]")), "{shown}");
    }
}

#[test]
fn a_long_line_is_cut_around_its_places() {
    let line = format!("let total = {}beta{};", "1 + ".repeat(2500), " + 2".repeat(2500));
    let (sources, file) = one_file(&line);
    let beta = at(&sources, file, "beta", 0);
    let diag = Diagnostic::error("E0201", beta, "unknown name `beta`").label("not known here").fix(
        "write `zeta`",
        beta,
        "zeta",
    );
    assert_eq!(
        render(&diag, &sources, false),
        "\
[E0201] Error: unknown name `beta`
   ╭─[ a.ein:1:10013 ]
   │
 1 │ …1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + beta + 2 + 2 + 2 + 2 + 2 + 2 + 2 + 2 + 2 + 2…
   │                                          ──┬─
   │                                            ╰─── not known here
   │
   │ Help: write `zeta`
   │       1 │ …1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + zeta + 2 + 2 + 2 + 2 + 2 + 2 + 2 + 2 + 2 + 2…
───╯
"
    );
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let (sources, file) = one_file("let a = \"\u{1b}[31m\u{0b}\u{2028}\u{202e}\"; $\n");
    let shown = render(&Diagnostic::error("E0101", at(&sources, file, "$", 0), "m").label("l"), &sources, false);
    assert!(shown.contains("1 │ let a = \"␛[31m␋��\"; $\n"), "{shown}");
    assert!(shown.contains("a.ein:1:21 "), "{shown}");
}

#[test]
fn any_spans_in_any_text_render() {
    let texts = [
        "",
        "\n\n\n",
        "\u{feff}let α = \"日本語\";\r\n\tprint(α)\r\n",
        "a\rb\u{0b}c\u{85}d\u{2028}e\ne\u{301}👩‍👩‍👧 x\n",
        "let x = {\n\t1\n}\n\n\nprint(x)",
    ];
    let mut state = 7u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    for text in texts {
        let mut sources = SourceMap::default();
        let first = sources.add("first.ein", text);
        let second = sources.add("second.ein", format!("{text}{}", "longer ".repeat(60)));
        for _ in 0..2000 {
            let mut span = || {
                let file = if random(3) == 0 { second } else { first };
                let bound = sources.file(file).text.len() + 4;
                Span::new(file, random(bound), random(bound))
            };
            let (primary, other, fixed) = (span(), span(), span());
            let diag = Diagnostic::error("E0101", primary, "m")
                .label("p")
                .also(other, "s")
                .also(primary, "")
                .fix("f", fixed, "x\ny");
            let shown = render(&diag, &sources, random(2) == 0);
            assert!(shown.contains("E0101") && shown.ends_with('\n'));
            assert!(diagnostics::json(&diag, &sources).starts_with('{'));
        }
    }
}
