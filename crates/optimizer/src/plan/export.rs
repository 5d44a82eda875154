//! Functions that are called from outside of machine code.

use ir::loops::{Ex, FnId, Function, Local, St, Ty};

const ARGUMENTS: Local = Local(0);
const RESULTS: Local = Local(1);

/// Calls a function with what stands in memory and leaves its results there, one word each. The caller owns the
/// objects among the results.
pub fn export(id: FnId, function: &Function) -> Function {
    let mut locals = vec![Ty::Ptr, Ty::Ptr];
    let mut fresh = |ty: Ty| {
        locals.push(ty);
        Local(locals.len() as u32 - 1)
    };
    let params: Vec<(Ty, Local)> =
        function.params.iter().map(|param| function.locals[param.0 as usize]).map(|ty| (ty, fresh(ty))).collect();
    let results: Vec<(Ty, Local)> = function.results.iter().map(|ty| (*ty, fresh(*ty))).collect();
    let mut body = Vec::new();
    for (k, (ty, local)) in params.iter().enumerate() {
        body.push(St::Let(*local, Ex::Load(*ty, Box::new(Ex::Local(ARGUMENTS)), Box::new(word(*ty, k)))));
    }
    let args = params.iter().map(|(_, local)| Ex::Local(*local)).collect();
    body.push(St::Call { func: id, args, results: results.iter().map(|(_, local)| *local).collect() });
    for (k, (ty, local)) in results.iter().enumerate() {
        body.push(St::Store(*ty, Ex::Local(RESULTS), word(*ty, k), Ex::Local(*local)));
    }
    body.push(St::Return(Vec::new()));
    Function {
        name: format!("{} from outside", function.name),
        params: vec![ARGUMENTS, RESULTS],
        results: Vec::new(),
        names: vec![String::new(); locals.len()],
        locals,
        scratch: 0,
        body,
        recursive: false,
        span: function.span,
    }
}

/// The place of a word, counted in elements of the type.
fn word(ty: Ty, k: usize) -> Ex {
    Ex::Int(Ty::I64, (k * (Ty::I64.size() / ty.size())) as i64)
}
