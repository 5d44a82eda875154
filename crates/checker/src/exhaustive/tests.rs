use super::*;

struct NoEnums;

impl Enums for NoEnums {
    fn variants(&self, _: EnumRef) -> Vec<Variant> {
        Vec::new()
    }
}

/// 0: `enum Layer { Dense(i32), Dropout(f32), Pool { size: i32 } }`, 1: `enum List { Nil, Cons(bool, List) }`.
struct Layers;

impl Enums for Layers {
    fn variants(&self, id: EnumRef) -> Vec<Variant> {
        match id {
            0 => vec![
                ("Layer::Dense".into(), None, vec![I32]),
                ("Layer::Dropout".into(), None, vec![Shape::Open]),
                ("Layer::Pool".into(), Some(vec!["size".into()]), vec![I32]),
            ],
            _ => {
                vec![("List::Nil".into(), None, vec![]), ("List::Cons".into(), None, vec![Shape::Bool, Shape::Enum(1)])]
            }
        }
    }
}

const I32: Shape = Shape::Int(i32::MIN as i128, i32::MAX as i128);

fn plain(pats: Vec<Pat>) -> Vec<(Pat, bool)> {
    pats.into_iter().map(|pat| (pat, false)).collect()
}

fn tuple(args: Vec<Pat>) -> Pat {
    Pat::Ctor { of: Ctor::Tuple, args }
}

fn variant(which: usize, args: Vec<Pat>) -> Pat {
    Pat::Ctor { of: Ctor::Variant(which), args }
}

fn int(value: i128) -> Pat {
    Pat::IntRange(value, value)
}

#[test]
fn pairs_of_bools() {
    let pair = |a, b| tuple(vec![Pat::Bool(a), Pat::Bool(b)]);
    let shape = Shape::Tuple(vec![Shape::Bool, Shape::Bool]);
    let mut rows = plain(vec![pair(true, true), pair(true, false), pair(false, false)]);
    assert_eq!(missing(&rows, &shape, &NoEnums).unwrap(), "(false, true)");
    rows.push((tuple(vec![Pat::Wild, Pat::Bool(true)]), false));
    assert_eq!(missing(&rows, &shape, &NoEnums), None);
    assert!(unreachable(&rows, &shape, &NoEnums).is_empty());
    rows.push((pair(false, true), false));
    assert_eq!(unreachable(&rows, &shape, &NoEnums), [4]);
}

#[test]
fn integers_show_a_number_near_zero() {
    let rows = plain(vec![Pat::IntRange(0, 9), Pat::IntRange(10, 99)]);
    assert_eq!(missing(&rows, &I32, &NoEnums).unwrap(), "100");
    let rows = plain(vec![Pat::IntRange(0, i32::MAX as i128)]);
    assert_eq!(missing(&rows, &I32, &NoEnums).unwrap(), "-1");
    let rows = plain(vec![Pat::IntRange(i32::MIN as i128, 4), Pat::IntRange(6, i32::MAX as i128)]);
    assert_eq!(missing(&rows, &I32, &NoEnums).unwrap(), "5");
    let bytes = Shape::Int(0, 255);
    let rows = plain(vec![Pat::IntRange(0, 127), Pat::IntRange(100, 255), Pat::IntRange(50, 200)]);
    assert_eq!(missing(&rows, &bytes, &NoEnums), None);
    assert_eq!(unreachable(&rows, &bytes, &NoEnums), [2]);
}

#[test]
fn guards_cover_nothing_and_hide_nothing() {
    let rows = [(Pat::Wild, true), (Pat::Wild, true)];
    assert_eq!(missing(&rows, &I32, &NoEnums).unwrap(), "_");
    assert!(unreachable(&rows, &I32, &NoEnums).is_empty());
}

#[test]
fn an_arm_behind_a_wildcard_is_not_reached() {
    let rows = plain(vec![int(0), Pat::Wild, int(3)]);
    assert_eq!(missing(&rows, &I32, &NoEnums), None);
    assert_eq!(unreachable(&rows, &I32, &NoEnums), [2]);
}

#[test]
fn variants_by_name() {
    let layer = Shape::Enum(0);
    let rows = plain(vec![variant(0, vec![Pat::Wild]), variant(2, vec![Pat::Wild])]);
    assert_eq!(missing(&rows, &layer, &Layers).unwrap(), "Layer::Dropout(_)");
    let rows = plain(vec![variant(0, vec![Pat::Wild]), variant(1, vec![Pat::Wild]), variant(2, vec![int(2)])]);
    assert_eq!(missing(&rows, &layer, &Layers).unwrap(), "Layer::Pool { size: 0 }");
    assert_eq!(missing(&[], &layer, &Layers).unwrap(), "_");
}

#[test]
fn recursive_enums_are_followed_as_far_as_patterns_go() {
    let list = Shape::Enum(1);
    let cons = |head, tail| variant(1, vec![head, tail]);
    let nil = || variant(0, vec![]);
    let rows = plain(vec![nil(), cons(Pat::Wild, nil()), cons(Pat::Bool(true), Pat::Wild)]);
    assert_eq!(missing(&rows, &list, &Layers).unwrap(), "List::Cons(false, List::Cons(_, _))");
}

#[test]
fn structs_and_alternatives() {
    let fields = vec![("on".to_owned(), Shape::Bool), ("level".to_owned(), I32)];
    let shape = Shape::Struct { name: "Lamp".to_owned(), fields };
    let lamp = |on, level| Pat::Ctor { of: Ctor::Struct, args: vec![on, level] };
    let rows = plain(vec![
        lamp(Pat::Wild, Pat::Or(vec![int(0), Pat::IntRange(5, 9)])),
        lamp(Pat::Bool(true), Pat::Wild),
        lamp(Pat::Bool(false), Pat::Or(vec![int(6), int(7)])),
    ]);
    assert_eq!(missing(&rows, &shape, &NoEnums).unwrap(), "Lamp { on: false, level: 1 }");
    assert_eq!(unreachable(&rows, &shape, &NoEnums), [2]);
}

#[test]
fn arrays_by_length() {
    let array = |before: Vec<Pat>, rest, after: Vec<Pat>| Pat::Array { before, rest, after };
    let open = Shape::Array(Box::new(Shape::Bool), None);
    let rows = plain(vec![array(vec![], false, vec![]), array(vec![Pat::Wild], false, vec![])]);
    assert_eq!(missing(&rows, &open, &NoEnums).unwrap(), "[_, _, ..]");
    let rows = plain(vec![
        array(vec![], false, vec![]),
        array(vec![Pat::Bool(true)], true, vec![]),
        array(vec![], true, vec![Pat::Bool(true)]),
    ]);
    assert_eq!(missing(&rows, &open, &NoEnums).unwrap(), "[false]");
    let three = Shape::Array(Box::new(Shape::Bool), Some(3));
    let rows = plain(vec![array(vec![Pat::Wild], true, vec![])]);
    assert_eq!(missing(&rows, &three, &NoEnums), None);
    let rows = plain(vec![array(vec![Pat::Bool(true)], true, vec![Pat::Bool(true)])]);
    assert_eq!(missing(&rows, &three, &NoEnums).unwrap(), "[true, .., false]");
    let million = Shape::Array(Box::new(Shape::Bool), Some(1_000_000));
    let rows = plain(vec![array(vec![], true, vec![Pat::Bool(true)])]);
    assert_eq!(missing(&rows, &million, &NoEnums).unwrap(), "[.., false]");
}

#[test]
fn strings_and_floats_need_a_last_arm() {
    let rows = plain(vec![Pat::Str("a".into()), Pat::Str("b".into()), Pat::Str("a".into())]);
    assert_eq!(missing(&rows, &Shape::Open, &NoEnums).unwrap(), "_");
    assert_eq!(unreachable(&rows, &Shape::Open, &NoEnums), [2]);
    let rows = plain(vec![Pat::Float(0), Pat::Wild]);
    assert_eq!(missing(&rows, &Shape::Open, &NoEnums), None);
}

#[test]
fn thousands_of_numbers_stay_quick() {
    let mut rows = plain((0..20_000).map(int).collect());
    assert_eq!(missing(&rows, &I32, &NoEnums).unwrap(), "20000");
    rows.push((Pat::Wild, false));
    assert_eq!(missing(&rows, &I32, &NoEnums), None);
    assert!(unreachable(&rows, &I32, &NoEnums).is_empty());
}
