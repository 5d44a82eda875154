//! Expressions: values and addresses.

use crate::environment::{PTR, machine};
use crate::function::Emitter;
use cranelift_codegen::ir::{InstBuilder, Value};
use ir::loops::{Bin, Ex, Ty};
use runtime::{TENSOR_DATA_OFFSET, TENSOR_EXTENTS_OFFSET};

impl Emitter<'_, '_> {
    pub fn values(&mut self, expressions: &[Ex]) -> Vec<Value> {
        expressions.iter().map(|expression| self.value(expression)).collect()
    }

    pub fn value(&mut self, expression: &Ex) -> Value {
        match expression {
            Ex::Int(ty, value) => self.integer(*ty, *value),
            Ex::F32(value) => self.builder.ins().f32const(*value),
            Ex::F64(value) => self.builder.ins().f64const(*value),
            Ex::Data(index) => {
                let address = self.environment.data_address(*index);
                self.builder.ins().iconst(PTR, address)
            }
            Ex::Func(func) => {
                let callee = self.callee(*func);
                self.builder.ins().func_addr(PTR, callee)
            }
            Ex::Scratch(byte) => self.builder.ins().stack_addr(PTR, self.scratch, *byte as i32),
            Ex::Local(local) => self.use_local(*local),
            Ex::Bin(bin, a, b) => {
                let divisor = constant(b);
                let (a, b) = (self.value(a), self.value(b));
                self.binary(*bin, a, b, divisor)
            }
            Ex::Un(un, a) => {
                let a = self.value(a);
                self.unary(*un, a)
            }
            Ex::Cmp(cmp, a, b) => {
                let (a, b) = (self.value(a), self.value(b));
                self.compare(*cmp, a, b)
            }
            Ex::Convert(convert, a) => {
                let a = self.value(a);
                self.convert(*convert, a)
            }
            Ex::Select(condition, a, b) => {
                let (condition, a, b) = (self.value(condition), self.value(a), self.value(b));
                self.builder.ins().select(condition, a, b)
            }
            Ex::Load(ty, base, index) => {
                let (address, offset) = self.address(*ty, base, index);
                self.builder.ins().load(machine(*ty), self.memory.elements, address, offset)
            }
            Ex::Data0(tensor) => {
                let tensor = self.value(tensor);
                self.builder.ins().load(PTR, self.memory.heads, tensor, TENSOR_DATA_OFFSET)
            }
            Ex::Dim(tensor, axis) => {
                let tensor = self.value(tensor);
                let offset = TENSOR_EXTENTS_OFFSET + 8 * *axis as i32;
                self.builder.ins().load(machine(Ty::I64), self.memory.heads, tensor, offset)
            }
            Ex::Math(name, _, arguments) => {
                let mut values = Vec::with_capacity(arguments.len() + 1);
                if self.environment.runtime(name).row.context {
                    values.push(self.context);
                }
                values.extend(self.values(arguments));
                self.call_row(name, &values)[0]
            }
        }
    }

    fn integer(&mut self, ty: Ty, value: i64) -> Value {
        // Cranelift wants the bits above a narrow type to be zero.
        let bits = 8 * ty.size() as u32;
        let value = if bits < i64::BITS { value & ((1 << bits) - 1) } else { value };
        self.builder.ins().iconst(machine(ty), value)
    }

    pub fn store(&mut self, ty: Ty, base: &Ex, index: &Ex, value: &Ex) {
        let value = self.value(value);
        let (address, offset) = self.address(ty, base, index);
        self.builder.ins().store(self.memory.elements, value, address, offset);
    }

    /// Address and constant offset of an element; what is constant in the index becomes part of the offset.
    pub fn address(&mut self, ty: Ty, base: &Ex, index: &Ex) -> (Value, i32) {
        let size = ty.size() as i64;
        let offset = |elements: i64| elements.checked_mul(size).and_then(|bytes| i32::try_from(bytes).ok());
        let (rest, offset) = match index {
            Ex::Int(_, elements) if offset(*elements).is_some() => (None, offset(*elements)),
            Ex::Bin(Bin::Add, rest, elements) => match constant(elements).and_then(offset) {
                Some(bytes) => (Some(&**rest), Some(bytes)),
                None => (Some(index), None),
            },
            _ => (Some(index), None),
        };
        let base = self.value(base);
        let offset = offset.unwrap_or(0);
        let Some(rest) = rest else { return (base, offset) };
        let index = self.value(rest);
        let bytes = match size.trailing_zeros() {
            0 => index,
            shift => self.builder.ins().ishl_imm_u(index, i64::from(shift)),
        };
        (self.builder.ins().iadd(base, bytes), offset)
    }
    /// The same for vectors of elements: the index is added term by term, outer coordinates first, so that all but the last
    /// of it stays the same from turn to turn.
    pub fn address_in_parts(&mut self, ty: Ty, base: &Ex, index: &Ex) -> (Value, i32) {
        let size = ty.size() as i64;
        let (mut terms, mut constant) = (Vec::new(), 0i64);
        sum_of(index, &mut terms, &mut constant);
        let offset = match constant.checked_mul(size).and_then(|bytes| i32::try_from(bytes).ok()) {
            Some(offset) => offset,
            None => {
                terms = vec![index];
                0
            }
        };
        let mut address = self.value(base);
        for term in terms {
            let index = self.value(term);
            let bytes = match size.trailing_zeros() {
                0 => index,
                shift => self.builder.ins().ishl_imm_u(index, i64::from(shift)),
            };
            address = self.builder.ins().iadd(address, bytes);
        }
        (address, offset)
    }
}

/// What an index is the sum of.
fn sum_of<'e>(index: &'e Ex, terms: &mut Vec<&'e Ex>, constant: &mut i64) {
    match index {
        Ex::Int(_, value) => *constant = constant.wrapping_add(*value),
        Ex::Bin(Bin::Add, a, b) => {
            sum_of(a, terms, constant);
            sum_of(b, terms, constant);
        }
        Ex::Bin(Bin::Sub, a, b) if matches!(**b, Ex::Int(..)) => {
            let Ex::Int(_, value) = **b else { return };
            *constant = constant.wrapping_sub(value);
            sum_of(a, terms, constant);
        }
        term => terms.push(term),
    }
}

fn constant(expression: &Ex) -> Option<i64> {
    match expression {
        Ex::Int(_, value) => Some(*value),
        _ => None,
    }
}
