//! Reading cells, and tensors of constants.

use super::function::Lower;
use super::region::Reach;
use super::value::{Part, Value, memory_type};
use diagnostics::Span;
use ir::loops::{Bin, Cmp, Ex, Local, St, Ty};
use ir::{Expr, ExprKind, Family, Load, Scalar, Slot, Type};

/// Nodes of a cell that is computed where it is read instead of being stored.
const INLINED_CELL: usize = 24;

impl Lower<'_, '_> {
    pub fn load(&mut self, load: &Load, elem: &Type) -> Value {
        if let ExprKind::Family(family) = &load.tensor.kind
            && let Some(value) = self.read_unstored(family, load)
        {
            return value;
        }
        if let ExprKind::Var(var) = load.tensor.kind {
            if self.registers.contains_key(&var) {
                return Value::one(self.read_register(var, load));
            }
            if self.apart.contains_key(&var) {
                return Value::one(self.read_apart(var, load, elem));
            }
        }
        let tensor = self.object(&load.tensor);
        let mut index = Vec::with_capacity(load.index.len());
        for (axis, e) in load.index.iter().enumerate() {
            let at = self.index(e);
            let at = if load.proven[axis] { at } else { self.in_bounds(at, tensor, axis, load) };
            index.push(at);
        }
        Value::one(self.cell(tensor, index, elem))
    }

    /// Checks an index, as far out as it does not change.
    pub fn in_bounds(&mut self, at: Part, tensor: Local, axis: usize, load: &Load) -> Part {
        let dim = self.dim(tensor, axis);
        if self.is_within(&at, &dim) {
            return at;
        }
        let at = self.placed(at, Reach::Certain);
        let at = self.atom(at);
        let known = at.local().map(|local| (local, tensor, axis));
        if known.is_some_and(|key| self.regions.iter().any(|region| region.in_bounds.contains(&key))) {
            return at;
        }
        let (coordinate, name) = (self.coordinate_name(load, axis), self.name_of(&load.tensor));
        let region = self.target(at.level.max(dim.level), Reach::Certain);
        self.at(region, |lower| {
            let outside = at.clone().cmp(Cmp::UGe, dim.clone());
            lower.fail_if(outside, "E0902", load.spans[axis], &[&coordinate, name], vec![at.clone(), dim]);
            lower.region().in_bounds.extend(known);
        });
        at
    }

    /// What a message calls the index: the coordinate that it is, or else the axis.
    pub fn coordinate_name(&self, load: &Load, axis: usize) -> String {
        let mut index = &load.index[axis];
        while let ExprKind::Cast(inner) = &index.kind {
            index = inner;
        }
        let program = self.program();
        if let ExprKind::Var(var) = index.kind
            && program.vars[var.index()].kind == ir::VarKind::Coord
        {
            return program.vars[var.index()].name.to_string();
        }
        match load.tensor.kind {
            ExprKind::Var(var) => {
                let axes = &program.vars[var.index()].coords;
                axes.get(axis).copied().flatten().map(|name| name.to_string()).unwrap_or_default()
            }
            _ => String::new(),
        }
    }

    /// The cell at indices that are in bounds.
    pub fn cell(&mut self, tensor: Local, index: Vec<Part>, elem: &Type) -> Part {
        let at = self.offset(tensor, index.clone());
        self.note_read(tensor, &index, &at);
        let data = self.data(tensor);
        let mut part = Part::load(memory_type(elem), data, at);
        part.level = part.level.max(self.info[tensor.0 as usize].floor);
        let part = self.in_register(part, elem);
        let part = self.placed(part, Reach::Certain);
        if part.ty != Ty::Ptr {
            return part;
        }
        let text = self.atom(part);
        self.emit(St::Retain(text.ex.clone()));
        let text = self.bound(text, "");
        self.own(text.local().expect("bound to a local"));
        text
    }

    /// Where a cell lies, in elements: row-major, the steps of a window outermost.
    pub fn offset(&mut self, tensor: Local, index: Vec<Part>) -> Part {
        let mut at = Part::index(0);
        for axis in self.axes_in_memory(tensor, index.len()) {
            let dim = self.stored_dim(tensor, axis);
            let index = self.slot(tensor, axis, index[axis].clone());
            at = at.bin(Bin::Mul, dim).bin(Bin::Add, index);
        }
        at
    }

    /// The axes of a tensor, the outermost first.
    pub fn axes_in_memory(&self, tensor: Local, rank: usize) -> Vec<usize> {
        let outermost = self.info[tensor.0 as usize].window.map(|window| window.axis);
        outermost.into_iter().chain((0..rank).filter(|axis| Some(*axis) != outermost)).collect()
    }

    /// A cell of a family that only this reads: computed in place where that costs nothing.
    fn read_unstored(&mut self, family: &Family, load: &Load) -> Option<Value> {
        let [clause] = &family.clauses[..] else { return None };
        let covers = clause.slots.iter().zip(&family.axes).all(|(slot, axis)| match slot {
            Slot::Coord(binder) => super::bounds::is_whole(binder, &axis.extent),
            Slot::Fixed(_) => false,
        });
        let plain =
            clause.wheres.is_empty() && clause.slots.len() == family.axes.len() && load.proven.iter().all(|p| *p);
        if !covers || !plain || !is_cheap(&clause.body) || family.elem == Type::Str {
            return None;
        }
        for (slot, e) in clause.slots.iter().zip(&load.index) {
            if let Slot::Coord(binder) = slot {
                let at = self.index(e);
                let at = self.atom(at);
                self.bind_coord(binder.var, at);
            }
        }
        let kernel = std::mem::replace(&mut self.kernel, true);
        let value = self.scalar(&clause.body);
        self.kernel = kernel;
        Some(Value::one(value))
    }

    pub fn literal(&mut self, shape: &[usize], items: &[Expr], e: &Expr) -> Value {
        let elem = e.ty.elem().clone();
        let dims: Vec<Part> = shape.iter().map(|extent| Part::index(*extent as i64)).collect();
        let constants: Option<Vec<Vec<u8>>> = items.iter().map(|item| constant_bytes(item, &elem)).collect();
        if let Some(bytes) = constants {
            let shape = self.shape_arg(&dims);
            let data = Ex::Data(self.shared.data(bytes.concat()));
            let layout = self.layout_arg(&elem);
            let args = vec![layout, Ex::Int(Ty::I32, dims.len() as i64), shape, data];
            let tensor = self.make("tensor_from", args, e.span);
            self.info[tensor.local().expect("an object").0 as usize].dims = Some(dims.into());
            return Value::one(tensor);
        }
        let tensor = self.new_tensor(&elem, dims, false, "", e.span);
        for (k, item) in items.iter().enumerate() {
            let mark = self.region().temps.len();
            let value = self.lower_as(item, &elem).parts.remove(0);
            self.store_cell(tensor, Part::index(k as i64), value, &elem);
            self.release_temps(mark);
        }
        Value::one(self.read(tensor))
    }

    /// A new tensor, among the temporaries. Cells that are not `zeroed` must all be stored.
    pub fn new_tensor(&mut self, elem: &Type, dims: Vec<Part>, zeroed: bool, name: &str, span: Span) -> Local {
        let dims: Vec<Part> = dims.into_iter().map(|dim| self.atom(dim)).collect();
        let shape = self.shape_arg(&dims);
        let layout = self.layout_arg(elem);
        let site = self.site("E0907", span, &[]);
        let maker = if zeroed { "tensor_zeroed" } else { "tensor_new" };
        let tensor = self.named(Ty::Ptr, name);
        let args = vec![layout, Ex::Int(Ty::I32, dims.len() as i64), shape];
        self.emit(St::Rt { name: maker, args, results: vec![tensor], site: Some(site) });
        self.own(tensor);
        self.info[tensor.0 as usize].dims = Some(dims.into());
        tensor
    }

    /// A new tensor whose cells are zeros unless something holds.
    pub fn new_tensor_unless(&mut self, covered: Part, elem: &Type, dims: Vec<Part>, name: &str, span: Span) -> Local {
        let dims: Vec<Part> = dims.into_iter().map(|dim| self.atom(dim)).collect();
        let shape = self.shape_arg(&dims);
        let layout = self.layout_arg(elem);
        let site = self.site("E0907", span, &[]);
        let tensor = self.named(Ty::Ptr, name);
        let [bare, zeroed] = ["tensor_new", "tensor_zeroed"].map(|maker| {
            let args = vec![layout.clone(), Ex::Int(Ty::I32, dims.len() as i64), shape.clone()];
            vec![St::Rt { name: maker, args, results: vec![tensor], site: Some(site) }]
        });
        self.emit(St::If(covered.ex, bare, zeroed));
        self.own(tensor);
        self.info[tensor.0 as usize].dims = Some(dims.into());
        tensor
    }

    /// Address of extents as the runtime reads them.
    pub fn shape_arg(&mut self, dims: &[Part]) -> Ex {
        let constants: Option<Vec<i64>> = dims.iter().map(Part::as_int).collect();
        if let Some(dims) = constants {
            let bytes = dims.iter().flat_map(|dim| dim.to_le_bytes()).collect();
            return Ex::Data(self.shared.data(bytes));
        }
        for (k, dim) in dims.iter().enumerate() {
            self.emit(St::Store(Ty::I64, Ex::Scratch(0), Ex::Int(Ty::I64, k as i64), dim.ex.clone()));
        }
        self.reserve(dims.len());
        Ex::Scratch(0)
    }

    /// Makes the function's raw memory hold that many words.
    pub fn reserve(&mut self, words: usize) {
        self.scratch = self.scratch.max(8 * words as u32);
    }

    /// Stores the first value of a cell.
    pub fn store_cell(&mut self, tensor: Local, at: Part, value: Part, elem: &Type) {
        let value = self.take(value);
        let value = self.to_memory(value, elem);
        let data = self.data(tensor);
        self.emit(St::Store(memory_type(elem), data.ex, at.ex, value.ex));
    }
}

/// Scalar arithmetic on cells: doing it twice costs less than storing it.
fn is_cheap(body: &Expr) -> bool {
    let (mut nodes, mut cheap) = (0, true);
    body.walk(&mut |e| {
        nodes += 1;
        cheap &= match &e.kind {
            ExprKind::Op(op, operands) => {
                let float = operands[0].ty.scalar().is_some_and(Scalar::is_float);
                op.is_infix() && !matches!(op, ir::Op::Rem) && (float || !matches!(op, ir::Op::Div | ir::Op::Pow))
                    || matches!(op, ir::Op::Neg | ir::Op::Not | ir::Op::Min | ir::Op::Max | ir::Op::Abs)
            }
            ExprKind::Load(load) => load.proven.iter().all(|proven| *proven),
            ExprKind::Var(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Cast(_) => true,
            ExprKind::Family(_) => true,
            _ => false,
        };
    });
    cheap && nodes <= INLINED_CELL
}

/// A constant as it lies in memory.
fn constant_bytes(item: &Expr, elem: &Type) -> Option<Vec<u8>> {
    let scalar = elem.scalar()?;
    Some(match (&item.kind, scalar) {
        (ExprKind::Bool(value), _) => vec![*value as u8],
        (ExprKind::Int(value), _) => value.to_le_bytes()[..scalar.size()].to_vec(),
        (ExprKind::Float(value), Scalar::F32) => (*value as f32).to_le_bytes().to_vec(),
        (ExprKind::Float(value), Scalar::F64) => value.to_le_bytes().to_vec(),
        _ => return None,
    })
}
