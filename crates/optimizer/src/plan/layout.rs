//! Rows of `Module::layouts`: how values of a type lie in memory.

use ir::loops::{Layout, LayoutId, VariantLayout};
use ir::{EnumId, Program, StructId, Type};
use std::collections::HashMap;

#[derive(Default)]
pub struct Layouts {
    pub rows: Vec<Layout>,
    ids: HashMap<Layout, LayoutId>,
    /// An enum may contain itself, and a struct lists of itself: their rows are reserved before their fields are looked
    /// at.
    enums: HashMap<EnumId, LayoutId>,
    structs: HashMap<StructId, LayoutId>,
}

impl Layouts {
    pub fn of(&mut self, program: &Program, ty: &Type) -> LayoutId {
        let layout = match ty {
            Type::Scalar(scalar) => Layout::Scalar(*scalar),
            Type::Str => Layout::Str,
            Type::Unit | Type::Never => Layout::Unit,
            Type::Tensor(elem, rank) => Layout::Tensor(self.of(program, elem), *rank),
            Type::Dyn => Layout::Dyn,
            Type::List(item) => Layout::List(self.of(program, item)),
            Type::Range => Layout::Range,
            Type::Tuple(items) => {
                let fields = items.iter().map(|item| self.of(program, item)).collect();
                Layout::Tuple { name: None, fields, names: Vec::new() }
            }
            Type::Struct(id) => return self.of_struct(program, *id),
            Type::Enum(id) => return self.of_enum(program, *id),
        };
        if let Some(id) = self.ids.get(&layout) {
            return *id;
        }
        let id = self.push(layout.clone());
        self.ids.insert(layout, id);
        id
    }

    fn of_struct(&mut self, program: &Program, id: StructId) -> LayoutId {
        if let Some(row) = self.structs.get(&id) {
            return *row;
        }
        let info = &program.structs[id.index()];
        let row = self.push(Layout::Unit);
        self.structs.insert(id, row);
        let fields = info.fields.iter().map(|(_, ty)| self.of(program, ty)).collect();
        let names = info.fields.iter().map(|(name, _)| name.to_string()).collect();
        self.rows[row.0 as usize] = Layout::Tuple { name: Some(info.name.to_string()), fields, names };
        row
    }

    fn of_enum(&mut self, program: &Program, id: EnumId) -> LayoutId {
        if let Some(row) = self.enums.get(&id) {
            return *row;
        }
        let info = &program.enums[id.index()];
        let row = self.push(Layout::Unit);
        self.enums.insert(id, row);
        let variants = info
            .variants
            .iter()
            .map(|variant| VariantLayout {
                name: variant.name.to_string(),
                fields: variant.fields.iter().map(|ty| self.of(program, ty)).collect(),
                names: variant.names.as_ref().map(|names| names.iter().map(|name| name.to_string()).collect()),
            })
            .collect();
        self.rows[row.0 as usize] = Layout::Enum { name: info.name.to_string(), variants };
        row
    }

    fn push(&mut self, layout: Layout) -> LayoutId {
        self.rows.push(layout);
        LayoutId(self.rows.len() as u32 - 1)
    }
}
