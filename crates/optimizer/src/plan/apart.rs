//! Small tensors whose cells are registers (`unroll` says which).

use super::function::Lower;
use super::life::BlockKey;
use super::value::{Part, Value, memory_type};
use ir::loops::Bin;
use ir::{Expr, ExprKind, Family, Load, Slot, Type, VarId};
use std::rc::Rc;

/// The cells of a tensor, row-major.
#[derive(Clone)]
pub struct Apart {
    pub dims: Vec<i64>,
    pub cells: Rc<[Part]>,
}

impl Apart {
    pub fn level(&self) -> usize {
        self.cells.iter().map(|cell| cell.level).max().unwrap_or(0)
    }
}

impl Lower<'_, '_> {
    /// Binds a variable whose tensor is taken apart.
    pub fn take_apart(&mut self, var: VarId, value: &Expr) {
        let apart = self.apart_value(value);
        self.apart.insert(var, apart);
    }

    pub fn apart_value(&mut self, e: &Expr) -> Apart {
        match &e.kind {
            ExprKind::Var(var) => self.apart[var].clone(),
            ExprKind::Block(stmts, value) => {
                let vars = self.stmts(stmts, 0..stmts.len());
                self.current.insert(BlockKey::of(stmts), stmts.len());
                let Apart { dims, cells } = self.apart_value(value);
                let cells = self.end_vars(vars, Value { parts: cells.to_vec() }).parts.into();
                Apart { dims, cells }
            }
            ExprKind::Literal(shape, items) => {
                let cells = items.iter().map(|item| self.apart_cell(item)).collect();
                Apart { dims: shape.iter().map(|extent| *extent as i64).collect(), cells }
            }
            ExprKind::Family(family) => self.apart_family(family),
            _ => unreachable!("what is taken apart has cells"),
        }
    }

    fn apart_family(&mut self, family: &Family) -> Apart {
        let extent = |e: &Expr| super::bounds::constant(e).expect("a constant extent");
        let dims: Vec<i64> = family.axes.iter().map(|axis| extent(&axis.extent)).collect();
        let clause = &family.clauses[0];
        let kernel = std::mem::replace(&mut self.kernel, true);
        let mut cells = Vec::new();
        for cell in 0..dims.iter().product::<i64>() {
            let mut rest = cell;
            for (slot, dim) in clause.slots.iter().zip(&dims).rev() {
                if let Slot::Coord(binder) = slot {
                    self.bind_coord(binder.var, Part::index(rest % dim));
                }
                rest /= dim;
            }
            cells.push(self.apart_cell(&clause.body));
        }
        self.kernel = kernel;
        Apart { dims, cells: cells.into() }
    }

    fn apart_cell(&mut self, e: &Expr) -> Part {
        let mark = self.region().temps.len();
        let cell = self.scalar(e);
        let cell = self.atom(cell);
        self.release_temps(mark);
        cell
    }

    /// A cell at a place that is constant where the loops around are written out.
    pub fn read_apart(&mut self, var: VarId, load: &Load, elem: &Type) -> Part {
        let Apart { dims, cells } = self.apart[&var].clone();
        let mut at = Part::index(0);
        for (e, dim) in load.index.iter().zip(&dims) {
            let index = self.index(e);
            at = at.bin(Bin::Mul, Part::index(*dim)).bin(Bin::Add, index);
        }
        let at = at.as_int().expect("the loops around are written out");
        // Behind a closed gate it may be anywhere.
        let cell = usize::try_from(at).ok().and_then(|at| cells.get(at)).cloned();
        cell.unwrap_or_else(|| Part::zero(memory_type(elem)))
    }
}
