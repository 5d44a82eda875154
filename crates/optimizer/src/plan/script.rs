//! Lists, enums and built-ins: values behind pointers, which the runtime makes and reads.

use super::expr::narrowed;
use super::function::Lower;
use super::value::{Part, Value, Weight};
use diagnostics::Span;
use ir::loops::{Bin, Cmp, Convert, Ex, Local, St, Turns, Ty, rt};
use ir::{Builtin, EnumId, Expr, ExprKind, Type};

impl Lower<'_, '_> {
    // --- words ------------------------------------------------------------------------------------------------------

    /// Writes a value's words to the function's raw memory, from word number `first` on.
    pub fn spill(&mut self, parts: &[Part], first: usize) -> Ex {
        for (k, part) in parts.iter().enumerate() {
            let at = ((first + k) * (8 / part.ty.size())) as i64;
            self.emit(St::Store(part.ty, Ex::Scratch(0), Ex::Int(Ty::I64, at), part.ex.clone()));
        }
        self.reserve((first + parts.len()).max(1));
        Ex::Scratch(8 * first as u32)
    }

    /// Reads the words of a value, whose counts become temporaries.
    fn unspill(&mut self, ty: &Type) -> Value {
        let mut value = Value::unit();
        for (k, (ty, _)) in self.flat(ty).into_iter().enumerate() {
            let at = Part::index((k * (8 / ty.size())) as i64);
            let scratch = Part { ex: Ex::Scratch(0), ty: Ty::Ptr, level: 0, weight: Weight::Free };
            let part = self.bound(Part { level: self.here(), ..Part::load(ty, scratch, at) }, "");
            value.parts.push(part);
        }
        for local in value.parts.iter().filter(|part| part.ty == Ty::Ptr).filter_map(Part::local).collect::<Vec<_>>() {
            self.own(local);
        }
        value
    }

    // --- lists ------------------------------------------------------------------------------------------------------

    pub fn new_builder(&mut self, item: &Type, span: Span) -> Local {
        let layout = self.layout_arg(item);
        self.make("build_new", vec![layout], span).local().expect("an object")
    }

    pub fn push_item(&mut self, builder: Local, value: Value, item: &Type, span: Span) {
        debug_assert_eq!(value.parts.len(), self.flat(item).len());
        let parts = self.taken(value);
        let words = self.spill(&parts, 0);
        let site = self.site("E0907", span, &[]);
        self.rt("build_push", vec![Ex::Local(builder), words], Some(site));
    }

    /// What the builder has collected; the builder is gone.
    pub fn end_builder(&mut self, name: &'static str, builder: Local, more: Vec<Ex>, span: Span) -> Part {
        let builder = self.take(self.read(builder));
        let args = [vec![builder.ex], more].concat();
        // Rows of different shape are told here.
        let code = if name == "build_stack" { "E0905" } else { "E0907" };
        let site = self.site(code, span, &[]);
        self.rt(name, args, Some(site)).expect("an object")
    }

    pub fn list(&mut self, items: &[Expr], e: &Expr) -> Value {
        let Type::List(item) = &e.ty else { unreachable!("a list is no {:?}", e.ty) };
        let builder = self.new_builder(item, e.span);
        for one in items {
            let mark = self.region().temps.len();
            let value = self.lower_as(one, item);
            self.push_item(builder, value, item, e.span);
            self.release_temps(mark);
        }
        Value::one(self.end_builder("build_list", builder, Vec::new(), e.span))
    }

    pub fn list_length(&mut self, list: Local) -> Part {
        self.rt("list_len", vec![Ex::Local(list)], None).expect("a length")
    }

    /// An item at an index that is in bounds.
    pub fn list_item(&mut self, list: Local, at: Part, item: &Type) -> Value {
        let words = self.flat(item).len();
        self.reserve(words.max(1));
        self.rt("list_get", vec![Ex::Local(list), at.ex, Ex::Scratch(0)], None);
        self.unspill(item)
    }

    pub fn item(&mut self, list: &Expr, index: &Expr, e: &Expr) -> Value {
        let name = self.name_of(list);
        let list = self.object(list);
        let at = self.index(index);
        let at = self.atom(at);
        let length = self.list_length(list);
        let outside = at.clone().cmp(Cmp::UGe, length.clone());
        self.fail_if(outside, "E0902", index.span, &["", name], vec![at.clone(), length]);
        self.list_item(list, at, &e.ty)
    }

    // --- enums ------------------------------------------------------------------------------------------------------

    pub fn variant(&mut self, variant: usize, fields: &[Expr], e: &Expr) -> Value {
        let Type::Enum(id) = e.ty else { unreachable!("a variant is no {:?}", e.ty) };
        let types = &self.program().enums[id.index()].variants[variant].fields;
        let fields = fields.iter().zip(types).map(|(field, ty)| (self.lower_as(field, ty), ty.clone())).collect();
        Value::one(self.new_enum(id, variant, fields, e.span))
    }

    pub fn new_enum(&mut self, id: EnumId, variant: usize, fields: Vec<(Value, Type)>, span: Span) -> Part {
        let mut parts = Vec::new();
        for (value, _) in fields {
            parts.extend(self.taken(value));
        }
        let words = self.spill(&parts, 0);
        let layout = self.layout_arg(&Type::Enum(id));
        let args = vec![layout, Ex::Int(Ty::I32, variant as i64), words, Ex::Int(Ty::I32, parts.len() as i64)];
        self.make("enum_new", args, span)
    }

    pub fn is_variant(&mut self, of: &Expr, variant: usize) -> Value {
        let object = self.object(of);
        let tag = self.rt("enum_tag", vec![Ex::Local(object)], None).expect("a tag");
        Value::one(tag.cmp(Cmp::Eq, Part::int(Ty::I32, variant as i64)))
    }

    pub fn payload(&mut self, of: &Expr, variant: usize, field: usize) -> Value {
        let Type::Enum(id) = of.ty else { unreachable!("{:?} has no variants", of.ty) };
        let object = self.object(of);
        let types = &self.program().enums[id.index()].variants[variant].fields;
        let first: usize = types[..field].iter().map(|ty| self.flat(ty).len()).sum();
        let mut value = Value::unit();
        for (k, (ty, _)) in self.flat(&types[field]).into_iter().enumerate() {
            let word = self.temp(if ty == Ty::Ptr { Ty::Ptr } else { Ty::I64 });
            let args = vec![Ex::Local(object), Ex::Int(Ty::I32, (first + k) as i64)];
            self.emit(St::Rt { name: "enum_word", args, results: vec![word], site: None });
            if ty == Ty::Ptr {
                self.emit(St::Retain(Ex::Local(word)));
                self.own(word);
            }
            let word = self.read(word);
            value.parts.push(match ty {
                Ty::F64 => word.convert(Convert::Bits(Ty::F64), Ty::F64),
                Ty::F32 => word.convert(Convert::Trunc(Ty::I32), Ty::I32).convert(Convert::Bits(Ty::F32), Ty::F32),
                // The word says nothing beyond the number, which must not be taken for an index that was narrowed.
                Ty::I8 | Ty::I16 | Ty::I32 => self.bound(word.convert(Convert::Trunc(ty), ty), ""),
                Ty::I64 | Ty::Ptr => word,
            });
        }
        value
    }

    // --- built-ins --------------------------------------------------------------------------------------------------

    pub fn builtin(&mut self, builtin: Builtin, args: &[Expr], e: &Expr) -> Value {
        match builtin {
            Builtin::Print => self.print(args, e.span),
            Builtin::Panic => {
                let message = self.object(&args[0]);
                self.called("panic", vec![Ex::Local(message)], "E0910", e.span)
            }
            Builtin::ToStr => {
                let value = self.lower_as(&args[0], &args[0].ty);
                let text = self.text_of(value, &args[0].ty, e.span);
                Value::one(self.read(text))
            }
            Builtin::Concat => self.on_objects("str_concat", args, "E0907", e.span),
            Builtin::StrLess => {
                let objects = self.objects(args);
                Value { parts: self.rt("str_less", objects, None).into_iter().collect() }
            }
            Builtin::Len => Value::one(self.length(&args[0])),
            Builtin::Equal => Value::one(self.equal(&args[0], &args[1])),
            Builtin::Contains => Value::one(self.contains(&args[0], &args[1])),
            Builtin::Rows => {
                let Type::List(item) = &e.ty else { unreachable!("rows are a list, not {:?}", e.ty) };
                let tensor = self.object(&args[0]);
                let item = self.layout_arg(item);
                self.called("tensor_to_list", vec![Ex::Local(tensor), item], "E0907", e.span)
            }
            Builtin::Append => self.append(&args[0], &args[1], e),
            Builtin::ListSlice => self.list_slice(args, e),
            Builtin::LoadNpy | Builtin::ReadText | Builtin::SaveNpy | Builtin::WriteText => {
                self.note_effect();
                let name = match builtin {
                    Builtin::LoadNpy => "load_npy",
                    Builtin::ReadText => "read_text",
                    Builtin::SaveNpy => "save_npy",
                    _ => "write_text",
                };
                self.on_objects(name, args, "E0906", e.span)
            }
            Builtin::File(op) => self.file_call(op.code(), args, e),
            Builtin::Settle => self.settle(&args[0], e),
            Builtin::DynRank => {
                let objects = self.objects(args);
                let rank = self.rt("dyn_rank", objects, None).expect("a rank");
                Value::one(narrowed(rank))
            }
            Builtin::SameExtent => self.same_extent(args, e.span),
            Builtin::SliceBounds => self.slice_bounds(args, e.span),
            Builtin::ArgSort => self.on_objects("tensor_argsort", args, "E0907", e.span),
            Builtin::DynShape => self.on_objects("dyn_shape", args, "E0907", e.span),
        }
    }

    /// Arguments go as the words of a tuple, and the result comes back in their place.
    fn file_call(&mut self, code: i32, args: &[Expr], e: &Expr) -> Value {
        self.note_effect();
        let types: Vec<Type> = args.iter().map(|arg| arg.ty.clone()).collect();
        let mut parts = Vec::new();
        for arg in args {
            let value = self.lower_as(arg, &arg.ty);
            parts.extend(self.settled(value).parts);
        }
        let layout = self.layout_arg(&Type::Tuple(types.into()));
        let result = self.layout_arg(&e.ty);
        self.reserve(self.flat(&e.ty).len().max(1));
        let words = self.spill(&parts, 0);
        let site = self.site("E0906", e.span, &[]);
        let code = Ex::Int(Ty::I32, i64::from(code));
        self.rt("file_call", vec![code, layout, words, result, Ex::Scratch(0)], Some(site));
        self.unspill(&e.ty)
    }

    fn objects(&mut self, args: &[Expr]) -> Vec<Ex> {
        args.iter().map(|arg| Ex::Local(self.object(arg))).collect()
    }

    fn on_objects(&mut self, name: &'static str, args: &[Expr], code: &'static str, span: Span) -> Value {
        let objects = self.objects(args);
        self.called(name, objects, code, span)
    }

    fn called(&mut self, name: &'static str, args: Vec<Ex>, code: &'static str, span: Span) -> Value {
        let site = self.site(code, span, &[]);
        Value { parts: self.rt(name, args, Some(site)).into_iter().collect() }
    }

    /// `(one, other, coordinate, place, place)`: the names are constants.
    fn same_extent(&mut self, args: &[Expr], span: Span) -> Value {
        let one = self.index(&args[0]);
        let other = self.index(&args[1]);
        let (one, other) = (self.atom(one), self.atom(other));
        if one.as_int().is_none() || one.as_int() != other.as_int() {
            let names = [&args[2], &args[3], &args[4]].map(constant_text);
            let differ = one.clone().cmp(Cmp::Ne, other.clone());
            self.fail_if(differ, "E0905", span, &names, vec![one, other]);
        }
        Value::unit()
    }

    /// `(lo, hi, extent, coordinate, tensor)`
    fn slice_bounds(&mut self, args: &[Expr], span: Span) -> Value {
        let mut ends = Vec::new();
        for arg in &args[..3] {
            let end = self.index(arg);
            ends.push(self.atom(end));
        }
        let names = [&args[3], &args[4]].map(constant_text);
        let below = ends[0].clone().cmp(Cmp::SLt, Part::index(0));
        self.fail_if(below, "E0902", span, &names, vec![ends[0].clone(), ends[2].clone()]);
        let above = ends[1].clone().cmp(Cmp::SGt, ends[2].clone());
        self.fail_if(above, "E0902", span, &names, vec![ends[1].clone(), ends[2].clone()]);
        Value::unit()
    }

    fn length(&mut self, of: &Expr) -> Part {
        let object = self.object(of);
        narrowed(match &of.ty {
            Type::Str => self.rt("str_len", vec![Ex::Local(object)], None).expect("a length"),
            Type::Tensor(..) => self.dim(object, 0),
            _ => self.list_length(object),
        })
    }

    fn equal(&mut self, a: &Expr, b: &Expr) -> Part {
        let ty = if a.ty == Type::Never { b.ty.clone() } else { a.ty.clone() };
        let a = self.lower_as(a, &ty);
        let a = self.settled(a);
        let b = self.lower_as(b, &ty);
        match &ty {
            Type::Unit | Type::Never => Part::int(Ty::I8, 1),
            Type::Scalar(_) => {
                let [a, b] = [a, b].map(|value| value.parts.into_iter().next().expect("a scalar"));
                a.cmp(Cmp::Eq, b)
            }
            Type::Str => {
                let args = [a, b].map(|value| value.parts.into_iter().next().expect("a string").ex);
                self.rt("str_eq", args.to_vec(), None).expect("a bool")
            }
            _ => {
                let left = self.spill(&a.parts, 0);
                let right = self.spill(&b.parts, a.parts.len());
                let layout = self.layout_arg(&ty);
                self.rt("value_eq", vec![layout, left, right], None).expect("a bool")
            }
        }
    }

    fn contains(&mut self, item: &Expr, of: &Expr) -> Part {
        let value = self.lower_as(item, &item.ty);
        let value = self.settled(value);
        let all = self.lower_as(of, &of.ty);
        if of.ty == Type::Range {
            let signed = item.ty.scalar().is_some_and(super::cast::is_signed);
            let at = value.parts.into_iter().next().expect("a number").widened(signed);
            let [lo, hi] = all.parts.try_into().expect("a range has two ends");
            return self.within(at, lo, hi);
        }
        let name = if matches!(of.ty, Type::Tensor(..)) { "tensor_contains" } else { "list_contains" };
        let words = self.spill(&value.parts, 0);
        let layout = self.layout_arg(&item.ty);
        let all = all.parts.into_iter().next().expect("an object").ex;
        self.rt(name, vec![layout, words, all], None).expect("a bool")
    }

    fn append(&mut self, to: &Expr, item: &Expr, e: &Expr) -> Value {
        if let Type::List(ty) = &e.ty {
            let list = self.object(to);
            let value = self.lower_as(item, ty);
            let parts = self.taken(value);
            let words = self.spill(&parts, 0);
            return self.called("list_append", vec![Ex::Local(list), words], "E0907", e.span);
        }
        let elem = e.ty.elem().clone();
        let rank = e.ty.rank();
        let before = self.object(to);
        let value = self.lower_as(item, &Type::tensor(elem.clone(), rank - 1));
        let part = value.parts.into_iter().next().expect("one object or scalar");
        let mut dims: Vec<Part> = (0..rank).map(|axis| self.dim(before, axis)).collect();
        let count = self.cell_count(before, rank);
        dims[0] = dims[0].clone().bin(Bin::Add, Part::index(1));
        if rank == 1 {
            let longer = self.new_tensor(&elem, dims, false, "", e.span);
            self.copy_cells(before, longer, Part::index(0), count.clone(), &elem);
            self.store_cell(longer, count, part, &elem);
            return Value::one(self.read(longer));
        }
        let row = part.local().expect("an object");
        for (axis, wanted) in dims.iter().enumerate().skip(1) {
            let got = self.dim(row, axis - 1);
            let differ = got.clone().cmp(Cmp::Ne, wanted.clone());
            self.fail_if(differ, "E0905", item.span, &["", "", ""], vec![wanted.clone(), got]);
        }
        let longer = self.new_tensor(&elem, dims, false, "", e.span);
        self.copy_cells(before, longer, Part::index(0), count.clone(), &elem);
        let row_cells = self.cell_count(row, rank - 1);
        self.copy_cells(row, longer, count, row_cells, &elem);
        Value::one(self.read(longer))
    }

    /// Copies all cells of a tensor to where `start` is in another, whose cells are not set there.
    pub fn copy_cells(&mut self, from: Local, to: Local, start: Part, count: Part, elem: &Type) {
        let memory = super::value::memory_type(elem);
        let (from, to) = (self.data(from), self.data(to));
        self.for_loop((Part::index(0), count), Turns::Up, "", |lower, var| {
            let at = lower.read(var);
            let value = lower.bound(Part::load(memory, from, at.clone()), "");
            if memory == Ty::Ptr {
                lower.emit(St::Retain(value.ex.clone()));
            }
            lower.emit(St::Store(memory, to.ex, start.bin(Bin::Add, at).ex, value.ex));
        });
    }

    fn list_slice(&mut self, args: &[Expr], e: &Expr) -> Value {
        let lo = self.index(&args[0]);
        let lo = self.atom(lo);
        let hi = self.index(&args[1]);
        let hi = self.atom(hi);
        let name = self.name_of(&args[2]);
        let list = self.object(&args[2]);
        let length = self.list_length(list);
        for (end, index) in [(&lo, &args[0]), (&hi, &args[1])] {
            let outside = end.clone().cmp(Cmp::UGt, length.clone());
            self.fail_if(outside, "E0902", index.span, &["", name], vec![end.clone(), length.clone()]);
        }
        self.called("list_slice", vec![Ex::Local(list), lo.ex, hi.ex], "E0907", e.span)
    }

    fn settle(&mut self, of: &Expr, e: &Expr) -> Value {
        let object = self.object(of);
        let rank = e.ty.rank();
        let scalar = e.ty.elem().scalar().unwrap_or(ir::Scalar::F32);
        let any = self.shared.data([-1i64; 1].repeat(rank.max(1)).into_iter().flat_map(i64::to_le_bytes).collect());
        let code = Ex::Int(Ty::I32, rt::scalar_code(scalar) as i64);
        let args = vec![Ex::Local(object), code, Ex::Int(Ty::I32, rank as i64), Ex::Data(any)];
        let tensor = self.called("dyn_settle", args, "E0905", e.span);
        if rank > 0 {
            return tensor;
        }
        let tensor = tensor.parts[0].local().expect("an object");
        let cell = self.cell(tensor, Vec::new(), &e.ty);
        // The tensor goes at the end of the statement, its cell stays.
        Value::one(self.atom(cell))
    }
}

/// The text of a string literal.
fn constant_text(e: &Expr) -> &str {
    match &e.kind {
        ExprKind::Str(text) => text,
        _ => "",
    }
}
