//! The types of builtins.

use super::{fits, is_int, list_item};
use crate::expr::*;
use crate::files::FileParam;
use crate::types::*;
use std::rc::Rc;

pub(super) fn builtin_fits(builtin: Builtin, operands: &[&Type], result: &Type) -> bool {
    use Builtin::*;
    let str = |ty: &Type| fits(ty, &Type::Str);
    match (builtin, operands) {
        (Print, _) => *result == Type::Unit,
        (Panic, [text]) => str(text) && *result == Type::Never,
        (ToStr, [_]) => *result == Type::Str,
        (Concat, [a, b]) => str(a) && str(b) && *result == Type::Str,
        (Len, [of]) => (str(of) || list_item(of).is_some()) && *result == Type::I32,
        (Equal, [a, b]) => (a == b || fits(a, b) || fits(b, a)) && *result == Type::BOOL,
        (Contains, [item, of]) => {
            *result == Type::BOOL
                && match of {
                    Type::List(of) => fits(item, of),
                    Type::Tensor(elem, 1) => fits(item, elem),
                    _ => **of == Type::Never,
                }
        }
        (StrLess, [a, b]) => str(a) && str(b) && *result == Type::BOOL,
        (Rows, [Type::Tensor(elem, rank)]) => list_item(result) == Some(&Type::tensor((**elem).clone(), rank - 1)),
        (Rows, [Type::List(_)]) => list_item(result).is_some(),
        (Append, [of, item]) => {
            result == *of
                && match of {
                    Type::List(of) => fits(item, of),
                    Type::Tensor(elem, rank) => fits(item, &Type::tensor((**elem).clone(), rank - 1)),
                    _ => false,
                }
        }
        (ListSlice, [lo, hi, list]) => is_int(lo) && is_int(hi) && list_item(list).is_some() && result == *list,
        (LoadNpy, [path]) => str(path) && *result == Type::Dyn,
        (Settle, [value]) => fits(value, &Type::Dyn) && result.rank() > 0,
        (SaveNpy, [path, value]) => str(path) && value.rank() > 0 && *result == Type::Unit,
        (ReadText, [path]) => str(path) && *result == Type::Str,
        (WriteText, [path, text]) => str(path) && str(text) && *result == Type::Unit,
        (File(op), [path, ..]) => op.row().params[0] != FileParam::Text || str(path),
        (DynRank, [value]) => fits(value, &Type::Dyn) && *result == Type::I32,
        (DynShape, [value]) => fits(value, &Type::Dyn) && *result == Type::Tensor(Rc::new(Type::I32), 1),
        (SameExtent, [a, b, coord, first, second]) => {
            is_int(a) && is_int(b) && [coord, first, second].iter().all(|t| str(t)) && *result == Type::Unit
        }
        (SliceBounds, [lo, hi, extent, coord, of]) => {
            [lo, hi, extent].iter().all(|t| is_int(t)) && str(coord) && str(of) && *result == Type::Unit
        }
        (ArgSort, [of]) => of.rank() == 1 && *result == Type::Tensor(Rc::new(Type::I32), 1),
        _ => false,
    }
}
