//! The operations of a tape by name; an operation's code is its place in this list.

macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// One operation of a tape: `dst = op(a, b, c)`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Op {
            $($(#[$doc])* $variant,)*
        }

        impl Op {
            /// Every operation, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name, as Python knows it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

operations! {
    /// a
    Copy "copy",
    /// -a
    Neg "neg",
    /// |a|
    Abs "abs",
    /// -1, 0 or 1; NaN for NaN
    Sign "sign",
    /// √a
    Sqrt "sqrt",
    /// e^a
    Exp "exp",
    /// e^a - 1
    Expm1 "expm1",
    /// log a
    Log "log",
    /// log(1 + a)
    Log1p "log1p",
    /// sin a
    Sin "sin",
    /// cos a
    Cos "cos",
    /// tan a
    Tan "tan",
    /// sinh a
    Sinh "sinh",
    /// cosh a
    Cosh "cosh",
    /// tanh a
    Tanh "tanh",
    /// arctan a
    Atan "atan",
    /// erf a
    Erf "erf",
    /// 1 / (1 + e^-a)
    Sigmoid "sigmoid",
    /// log(1 + e^a)
    Softplus "softplus",
    /// a + b
    Add "add",
    /// a - b
    Sub "sub",
    /// a b
    Mul "mul",
    /// a / b
    Div "div",
    /// The smaller of a and b; NaN if either is
    Min "min",
    /// The larger of a and b; NaN if either is
    Max "max",
    /// a^b
    Pow "pow",
    /// 1 if a < b, else 0
    Less "less",
    /// 1 if a <= b, else 0
    LessEqual "less_equal",
    /// b if a is not 0, else c
    Select "select",
    /// a b + c, rounded once
    Fma "fma",
    /// The next b instructions for each row of data a
    Loop "loop",
    /// data[row, a]
    Column "column",
    /// a data[row, b]
    MulColumn "mul_column",
    /// a data[row, b] + c, rounded once
    FmaColumn "fma_column",
}

impl Op {
    /// How many numbers it is a function of; none for those that read a tape's data.
    #[must_use]
    pub fn arguments(self) -> Option<usize> {
        match self {
            op if (op as usize) < Self::Add as usize => Some(1),
            op if (op as usize) < Self::Select as usize => Some(2),
            Self::Select | Self::Fma => Some(3),
            _ => None,
        }
    }

    /// The operation of this code.
    #[must_use]
    pub fn from_code(code: usize) -> Option<Self> {
        Self::ALL.get(code).copied()
    }

    /// The operation of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|op| op.name() == name)
    }
}
