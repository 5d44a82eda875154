//! Which words a value of each layout has, and which of them are objects.

use ir::Scalar;
use ir::loops::{Layout, LayoutId, rt};

/// What a tensor's cells are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Element {
    Scalar(Scalar),
    Str,
}

const STR_CODE: u32 = 0xff;

impl Element {
    pub fn code(self) -> u32 {
        match self {
            Element::Scalar(scalar) => rt::scalar_code(scalar) as u32,
            Element::Str => STR_CODE,
        }
    }

    /// The element that `code` gave this number to.
    pub fn from_code(code: u32) -> Element {
        rt::scalar_of_code(code as i32).map_or(Element::Str, Element::Scalar)
    }

    /// Bytes of one cell in memory.
    pub fn size(self) -> usize {
        match self {
            Element::Scalar(scalar) => scalar.size(),
            Element::Str => size_of::<usize>(),
        }
    }
}

/// A value flattened: one word per scalar or object.
#[derive(Clone, Default)]
pub struct Words {
    pub count: usize,
    /// Positions of the words that are counted objects.
    pub objects: Vec<usize>,
}

#[derive(Clone, Default)]
pub struct Layouts {
    rows: Vec<Layout>,
    words: Vec<Words>,
    /// For enums, by variant: positions of objects among the words of its fields.
    variants: Vec<Vec<Vec<usize>>>,
}

impl Layouts {
    pub fn new(rows: Vec<Layout>) -> Layouts {
        let words: Vec<Words> = (0..rows.len()).map(|id| flattened(&rows, id as u32)).collect();
        let of_variants = |layout: &Layout| match layout {
            Layout::Enum { variants, .. } => variants.iter().map(|v| sequence(&rows, &v.fields).objects).collect(),
            _ => Vec::new(),
        };
        let variants = rows.iter().map(of_variants).collect();
        Layouts { words, variants, rows }
    }

    pub fn row(&self, id: u32) -> &Layout {
        &self.rows[id as usize]
    }

    pub fn words(&self, id: u32) -> &Words {
        &self.words[id as usize]
    }

    pub fn variant_objects(&self, id: u32, tag: u32) -> &[usize] {
        &self.variants[id as usize][tag as usize]
    }

    /// What a tensor of values of this layout holds.
    pub fn element(&self, id: u32) -> Element {
        match self.row(id) {
            Layout::Scalar(scalar) => Element::Scalar(*scalar),
            Layout::Str => Element::Str,
            other => unreachable!("no tensor has cells of {other:?}"),
        }
    }
}

fn flattened(rows: &[Layout], id: u32) -> Words {
    match &rows[id as usize] {
        Layout::Unit => Words::default(),
        Layout::Scalar(_) => Words { count: 1, objects: Vec::new() },
        Layout::Range => Words { count: 2, objects: Vec::new() },
        Layout::Str | Layout::Tensor(..) | Layout::Dyn | Layout::List(_) | Layout::Enum { .. } => {
            Words { count: 1, objects: vec![0] }
        }
        Layout::Tuple { fields, .. } => sequence(rows, fields),
    }
}

fn sequence(rows: &[Layout], fields: &[LayoutId]) -> Words {
    let mut all = Words::default();
    for field in fields {
        let one = flattened(rows, field.0);
        all.objects.extend(one.objects.iter().map(|at| all.count + at));
        all.count += one.count;
    }
    all
}
