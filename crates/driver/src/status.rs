//! How a command ended, as the process says it.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Fine,
    /// The program has errors, or cannot be read.
    Errors,
    /// A run-time error of the program.
    Failed,
    Defect,
}

impl Status {
    pub fn code(self) -> u8 {
        match self {
            Status::Fine => 0,
            Status::Errors => 1,
            Status::Failed => 3,
            Status::Defect => 101,
        }
    }
}
