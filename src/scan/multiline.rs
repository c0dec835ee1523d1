//! Records without a regular expression: which lines continue the error before them, by programming language.
//!
//! A line that continues a stack trace is known by its form, whatever the first line of the record looks like. So these are the
//! opposite of `record_start`: every line that does not continue a record begins one.

/// In which language's form errors continue over several lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Multiline {
    /// Any of the others.
    Auto,
    /// Java, Kotlin, Scala and others on the JVM.
    Java,
    /// Python.
    Python,
    /// Go.
    Go,
    /// Ruby.
    Ruby,
    /// C# and others on .NET.
    Dotnet,
    /// Rust.
    Rust,
    /// PHP.
    Php,
}

// A tilde stands for white space, also as a container runtime escapes it.

const JAVA: &[&str] = &[
    r"~+at .*\(",
    r"~*\.\.\. [0-9]+ (?:more|common frames)",
    r"~*(?:Caused by|Suppressed): ",
    r"~*(?:\[CIRCULAR REFERENCE|\[wrapped\] )",
    r"(?:[a-z_][A-Za-z0-9_]*\.)+[A-Z][A-Za-z0-9_$.]*(?:Exception|Error|Throwable)(?:: |$|\\n)",
];
const PYTHON: &[&str] = &[
    r"Traceback \(most recent call last\):",
    r#"~+File \\?".*\\?", line [0-9]"#,
    r"~{4,}[^ \t]",
    r"During handling of the above exception, another exception occurred:",
    r"The above exception was the direct cause of the following exception:",
    r"~+\| ",
    r"~+\+-",
    r"(?:[A-Za-z_][A-Za-z0-9_]*\.)*[A-Z][A-Za-z0-9_]*(?:Error|Exception|Warning|Interrupt|Exit|Iteration)(?:: |$|\\n)",
];
const GO: &[&str] = &[
    r"goroutine [0-9]+ (?:gp=.* )?\[",
    r"~+.*\.(?:go|s):[0-9]",
    r"(?:[A-Za-z0-9_.-]+/)*[A-Za-z0-9_-]+\.[A-Za-z0-9_.*()\[\]{}]+\(.*\)(?:$|\\n)",
    r"created by ",
    r"\[signal ",
    r"exit status [0-9]",
    r"panic: .* \[recovered\]",
    r"~+panic: ",
];
const RUBY: &[&str] = &[
    r"~+(?:from )?[^ ]+:[0-9]+:in [`'\\]",
    r"(?:/|[A-Za-z0-9_.-]+/|[A-Za-z0-9_.-]+ \([0-9.]+\) )[^ ]*\.(?:rb|erb):[0-9]+:in [`'\\][^ ]*'(?:$|\\n)",
    r"~+[0-9]+: from ",
    r"Caused by:?(?:$|\\n)",
];
const DOTNET: &[&str] = &[
    r"~+at ",
    r"~*---> ",
    r"~*--- End of ",
    r"~*-+ Inner ",
    r"~{6}[^ \t]",
    r"(?:[A-Z][A-Za-z0-9_]*\.)+[A-Z][A-Za-z0-9_]*Exception(?:: | \(|$|\\n)",
];
const RUST: &[&str] = &[
    r"stack backtrace:",
    r"~+[0-9]+: ",
    r"~+at ",
    r"note: (?:run with|[Ss]ome details are omitted)",
    r"Caused by:",
    r"Location:(?:$|\\n)",
    r"~+.*\.rs:[0-9]+:[0-9]+",
];
const PHP: &[&str] = &[
    r"(?:PHP )?Stack trace:",
    r"(?:PHP )?~*#?[0-9]+\.? (?:[^ ]*\.php|\{main\}|\[internal function\]|[^ ]*\(\) )",
    r"~*#[0-9]+ ",
    r"~+thrown in ",
    r"\[stacktrace\]",
    r"\[previous exception\]",
    r#"\\?"\}~*$"#,
];

impl Multiline {
    /// Every preset.
    pub const ALL: [Multiline; 8] = [
        Multiline::Auto,
        Multiline::Java,
        Multiline::Python,
        Multiline::Go,
        Multiline::Ruby,
        Multiline::Dotnet,
        Multiline::Rust,
        Multiline::Php,
    ];

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Multiline::Auto => "auto",
            Multiline::Java => "java",
            Multiline::Python => "python",
            Multiline::Go => "go",
            Multiline::Ruby => "ruby",
            Multiline::Dotnet => "dotnet",
            Multiline::Rust => "rust",
            Multiline::Php => "php",
        }
    }

    /// The preset with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Multiline> {
        Multiline::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// The beginnings of the lines that continue a record, as regular expressions.
    pub(super) fn forms(self) -> Vec<&'static str> {
        match self {
            Multiline::Auto => [JAVA, PYTHON, GO, RUBY, DOTNET, RUST, PHP].concat(),
            Multiline::Java => JAVA.to_vec(),
            Multiline::Python => PYTHON.to_vec(),
            Multiline::Go => GO.to_vec(),
            Multiline::Ruby => RUBY.to_vec(),
            Multiline::Dotnet => DOTNET.to_vec(),
            Multiline::Rust => RUST.to_vec(),
            Multiline::Php => PHP.to_vec(),
        }
    }
}
