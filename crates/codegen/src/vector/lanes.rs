//! Values of several turns: machine vectors, or one value for all of them.

use super::{Turn, vector_type};
use crate::environment::machine;
use crate::function::Emitter;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value, types};
use ir::loops::{Bin, Convert, Ex, Ty, Un};

/// The vectors of a value, or the one value that all lanes have.
#[derive(Clone, Debug)]
pub struct Lanes {
    pub parts: Vec<Value>,
    pub is_common: bool,
}

impl Lanes {
    pub fn common(value: Value) -> Lanes {
        Lanes { parts: vec![value], is_common: true }
    }

    fn own(parts: Vec<Value>) -> Lanes {
        Lanes { parts, is_common: false }
    }
}

impl Emitter<'_, '_> {
    /// The value of each lane.
    pub fn lanes(&mut self, turn: &Turn, e: &Ex) -> Lanes {
        if let Some(value) = turn.common.get(&std::ptr::from_ref(e)) {
            return Lanes::common(*value);
        }
        match e {
            Ex::Local(local) => turn.values[local].clone(),
            Ex::Bin(bin @ (Bin::And | Bin::Or), a, b) if self.is_mask(a) || self.is_mask(b) => {
                let [a, b] = [a, b].map(|e| self.lanes(turn, e));
                let same = !a.is_common && !b.is_common && self.type_of(a.parts[0]) == self.type_of(b.parts[0]);
                let [a, b] = if same { [a.parts, b.parts] } else { [a, b].map(|lanes| self.mask(lanes, 4)) };
                Lanes::own(a.into_iter().zip(b).map(|(a, b)| self.vector_binary(*bin, a, b)).collect())
            }
            Ex::Bin(bin, a, b) => {
                let [a, b] = self.both(turn, a, b);
                Lanes::own(a.into_iter().zip(b).map(|(a, b)| self.vector_binary(*bin, a, b)).collect())
            }
            Ex::Un(un, a) => {
                let a = self.lanes(turn, a).parts;
                Lanes::own(a.into_iter().map(|a| self.vector_unary(*un, a)).collect())
            }
            Ex::Cmp(cmp, a, b) => {
                let [a, b] = self.both(turn, a, b);
                Lanes::own(a.into_iter().zip(b).map(|(a, b)| self.compare(*cmp, a, b)).collect())
            }
            Ex::Select(condition, a, b) => {
                let condition = self.lanes(turn, condition);
                let [a, b] = self.both(turn, a, b);
                let condition = match condition.is_common {
                    true => condition,
                    false => {
                        let bytes = self.builder.func.dfg.value_type(a[0]).lane_bits() as usize / 8;
                        Lanes::own(self.mask(condition, bytes))
                    }
                };
                let choose = |(k, (a, b)): (usize, (Value, Value))| match condition.is_common {
                    true => self.builder.ins().select(condition.parts[0], a, b),
                    false => self.choose(condition.parts[k], a, b),
                };
                Lanes::own(a.into_iter().zip(b).enumerate().map(choose).collect())
            }
            Ex::Convert(convert, a) => self.converted_lanes(turn, *convert, a),
            Ex::Load(Ty::I8, base, index) => {
                let (address, offset) = self.address_in_parts(Ty::I8, base, index);
                let load =
                    |k: i64| self.builder.ins().load(types::I64, self.memory.vectors, address, offset + 8 * k as i32);
                Lanes::own((0..turn.lanes / 8).map(load).collect())
            }
            Ex::Load(ty, base, index) if turn.plan.strides.contains_key(&std::ptr::from_ref(e)) => {
                let (address, offset) = self.address_in_parts(*ty, base, index);
                let stride = turn.plan.strides[&std::ptr::from_ref(e)];
                Lanes::own((0..turn.vectors(*ty)).map(|k| self.strided(*ty, stride, address, offset, k)).collect())
            }
            Ex::Load(ty, base, index) => {
                let (address, offset) = self.address_in_parts(*ty, base, index);
                let vector = vector_type(*ty);
                let load =
                    |k: i64| self.builder.ins().load(vector, self.memory.vectors, address, offset + 16 * k as i32);
                Lanes::own((0..turn.vectors(*ty)).map(load).collect())
            }
            _ => unreachable!("the analysis lets no other expression through"),
        }
    }

    /// Both operands as vectors.
    fn both(&mut self, turn: &Turn, a: &Ex, b: &Ex) -> [Vec<Value>; 2] {
        let (a, b) = (self.lanes(turn, a), self.lanes(turn, b));
        let like = if a.is_common { &b } else { &a };
        let (vector, count) = (self.builder.func.dfg.value_type(like.parts[0]), like.parts.len());
        [a, b].map(|lanes| match lanes.is_common {
            true => vec![self.builder.ins().splat(vector, lanes.parts[0]); count],
            false => lanes.parts,
        })
    }

    /// As vectors, whatever it was.
    pub fn spread(&mut self, turn: &Turn, lanes: Lanes, ty: Ty) -> Lanes {
        if !lanes.is_common {
            return lanes;
        }
        let all = self.builder.ins().splat(vector_type(ty), lanes.parts[0]);
        Lanes::own(vec![all; turn.vectors(ty) as usize])
    }

    pub fn vector_binary(&mut self, bin: Bin, a: Value, b: Value) -> Value {
        match bin {
            Bin::FMin | Bin::FMax => {
                let best = self.better(bin, a, b);
                let is_nan = self.builder.ins().fcmp(FloatCC::Unordered, b, b);
                self.choose(is_nan, b, best)
            }
            _ => self.binary(bin, a, b, None),
        }
    }

    /// The second operand where it is better than the first one, which NaN is not: one instruction.
    pub fn better(&mut self, bin: Bin, a: Value, b: Value) -> Value {
        let (less, more) = if bin == Bin::FMin { (b, a) } else { (a, b) };
        let is_better = self.builder.ins().fcmp(FloatCC::LessThan, less, more);
        self.choose(is_better, b, a)
    }

    /// NaN where a mask is set.
    pub fn or_nan(&mut self, mask: Value, value: Value) -> Value {
        let ty = self.builder.func.dfg.value_type(value);
        let nan = match ty {
            types::F32X4 => self.builder.ins().f32const(f32::NAN),
            _ => self.builder.ins().f64const(f64::NAN),
        };
        let nan = self.builder.ins().splat(ty, nan);
        self.choose(mask, nan, value)
    }

    /// Vector number `k` of a read whose lanes lie apart.
    fn strided(&mut self, ty: Ty, stride: i64, address: Value, offset: i32, k: i64) -> Value {
        let (size, vector) = (ty.size() as i64, vector_type(ty));
        let lanes = 16 / size;
        let at = |lane: i64| offset + ((k * lanes + lane) * stride * size) as i32;
        if stride == 2 && lanes == 4 {
            // Two vectors, the second one so that it ends with the last lane: nothing behind that need exist.
            let low = self.builder.ins().load(vector, self.memory.vectors, address, at(0));
            let high = self.builder.ins().load(vector, self.memory.vectors, address, at(3) - 12);
            let bytes: Vec<u8> = [0, 8, 20, 28].into_iter().flat_map(|first| first..first + 4).collect();
            return self.shuffled(low, high, bytes);
        }
        let flags = self.memory.elements;
        let first = self.builder.ins().load(machine(ty), flags, address, at(0));
        let first = self.builder.ins().splat(vector, first);
        (1..lanes).fold(first, |all, lane| {
            let one = self.builder.ins().load(machine(ty), flags, address, at(lane));
            self.builder.ins().insertlane(all, one, lane as u8)
        })
    }

    /// Bytes of two vectors.
    fn shuffled(&mut self, low: Value, high: Value, bytes: Vec<u8>) -> Value {
        let ty = self.builder.func.dfg.value_type(low);
        let (low, high) = (self.as_type(low, types::I8X16), self.as_type(high, types::I8X16));
        let mask = self.builder.func.dfg.immediates.push(bytes.into());
        let joined = self.builder.ins().shuffle(low, high, mask);
        self.as_type(joined, ty)
    }

    /// Whether the lanes of an expression are masks of different widths, or bytes that become such.
    fn is_mask(&self, e: &Ex) -> bool {
        match e {
            Ex::Cmp(..) | Ex::Un(Un::Not, _) => true,
            Ex::Bin(Bin::And | Bin::Or, a, b) => self.is_mask(a) || self.is_mask(b),
            Ex::Load(Ty::I8, ..) => true,
            Ex::Local(local) => self.function.locals[local.0 as usize] == Ty::I8,
            _ => false,
        }
    }

    /// Conditions as masks of lanes of so many bytes. Bools in memory come eight to a word.
    fn mask(&mut self, lanes: Lanes, bytes: usize) -> Vec<Value> {
        let mut parts = lanes.parts;
        if self.builder.func.dfg.value_type(parts[0]) == types::I64 {
            let mut masks = Vec::with_capacity(2 * parts.len());
            for word in parts {
                let word = self.builder.ins().scalar_to_vector(types::I64X2, word);
                let word = self.as_type(word, types::I8X16);
                let halves = self.builder.ins().uwiden_low(word);
                let low = self.builder.ins().uwiden_low(halves);
                let high = self.builder.ins().uwiden_high(halves);
                for bits in [low, high] {
                    let zero = self.builder.ins().iconst(types::I32, 0);
                    let zeros = self.builder.ins().splat(types::I32X4, zero);
                    masks.push(self.builder.ins().icmp(IntCC::NotEqual, bits, zeros));
                }
            }
            parts = masks;
        }
        let wide = self.builder.func.dfg.value_type(parts[0]) == types::I64X2;
        match (wide, bytes) {
            (false, 8) => parts
                .into_iter()
                .flat_map(|part| [self.builder.ins().swiden_low(part), self.builder.ins().swiden_high(part)])
                .collect(),
            (true, 4) => parts.chunks(2).map(|pair| self.low_words(pair[0], pair[1])).collect(),
            _ => parts,
        }
    }

    /// Lane by lane: `a` where all bits of the mask are set, `b` where none is.
    fn choose(&mut self, mask: Value, a: Value, b: Value) -> Value {
        let ty = self.builder.func.dfg.value_type(a);
        let mask = self.as_type(mask, ty);
        self.builder.ins().bitselect(mask, a, b)
    }

    fn as_type(&mut self, value: Value, ty: Type) -> Value {
        if self.builder.func.dfg.value_type(value) == ty {
            return value;
        }
        let little = MemFlagsData::new().with_endianness(Endianness::Little);
        self.builder.ins().bitcast(ty, little, value)
    }

    fn vector_unary(&mut self, un: Un, a: Value) -> Value {
        match un {
            Un::Not if self.builder.func.dfg.value_type(a) == types::I64 => {
                self.builder.ins().bxor_imm_u(a, 0x0101_0101_0101_0101)
            }
            Un::Not => self.builder.ins().bnot(a),
            _ => self.unary(un, a),
        }
    }

    fn converted_lanes(&mut self, turn: &Turn, convert: Convert, a: &Ex) -> Lanes {
        if convert == Convert::Trunc(Ty::I32) {
            return self.coordinate_lanes(turn, a);
        }
        let parts = self.lanes(turn, a).parts;
        let from = self.builder.func.dfg.value_type(parts[0]);
        Lanes::own(match (convert, from) {
            (Convert::Float(Ty::F64), types::F32X4) => self.widened(parts),
            (Convert::Float(Ty::F32), types::F64X2) => parts
                .chunks(2)
                .map(|pair| {
                    let low = self.builder.ins().fvdemote(pair[0]);
                    let high = self.builder.ins().fvdemote(pair[1]);
                    self.low_halves(low, high)
                })
                .collect(),
            (Convert::SintToFloat(Ty::F32), _) => {
                parts.into_iter().map(|part| self.builder.ins().fcvt_from_sint(types::F32X4, part)).collect()
            }
            (Convert::SintToFloat(_), _) => self.halves(parts, |emitter, half| {
                let wide = emitter.builder.ins().swiden_low(half);
                emitter.builder.ins().fcvt_from_sint(types::F64X2, wide)
            }),
            // Between equal types.
            _ => parts,
        })
    }

    /// From `f32` to `f64`.
    pub fn widened(&mut self, parts: Vec<Value>) -> Vec<Value> {
        self.halves(parts, |emitter, half| emitter.builder.ins().fvpromote_low(half))
    }

    /// Applies something that takes the lower half of a vector to both halves of each.
    fn halves(&mut self, parts: Vec<Value>, mut half: impl FnMut(&mut Self, Value) -> Value) -> Vec<Value> {
        let mut wide = Vec::with_capacity(2 * parts.len());
        for part in parts {
            wide.push(half(self, part));
            let upper = self.upper_half(part);
            wide.push(half(self, upper));
        }
        wide
    }

    fn upper_half(&mut self, vector: Value) -> Value {
        let ty = self.builder.func.dfg.value_type(vector);
        let bytes = self.as_type(vector, types::I8X16);
        let mask = self.builder.func.dfg.immediates.push((8..16).chain(8..16).collect::<Vec<u8>>().into());
        let moved = self.builder.ins().shuffle(bytes, bytes, mask);
        self.as_type(moved, ty)
    }

    fn low_halves(&mut self, low: Value, high: Value) -> Value {
        self.shuffled(low, high, (0..8).chain(16..24).collect())
    }

    /// The lower half of each lane of two vectors.
    fn low_words(&mut self, low: Value, high: Value) -> Value {
        let (low, high) = (self.as_type(low, types::I32X4), self.as_type(high, types::I32X4));
        self.shuffled(low, high, (0..4).chain(8..12).chain(16..20).chain(24..28).collect())
    }

    /// A coordinate that grows by one from lane to lane.
    fn coordinate_lanes(&mut self, turn: &Turn, e: &Ex) -> Lanes {
        let first = self.value(e);
        let first = self.builder.ins().ireduce(types::I32, first);
        let all = self.builder.ins().splat(types::I32X4, first);
        let part = |k: i64| {
            let bytes: Vec<u8> = (0..4).flat_map(|lane| ((4 * k + lane) as i32).to_le_bytes()).collect();
            let steps = self.builder.func.dfg.constants.insert(bytes.into());
            let steps = self.builder.ins().vconst(types::I32X4, steps);
            self.builder.ins().iadd(all, steps)
        };
        Lanes::own((0..turn.vectors(Ty::I32)).map(part).collect())
    }
}

impl Turn<'_> {
    /// Machine vectors for all lanes of a type.
    fn vectors(&self, ty: Ty) -> i64 {
        self.lanes * ty.size() as i64 / 16
    }
}
