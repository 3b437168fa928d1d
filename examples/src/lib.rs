//! Nothing. The examples of this package lie in `examples/`, each a program of its own; see `examples/README.md`.
