//! The engine against servers that are slow, confused, broken or lying.
//!
//! Every server here is a script: it reads a request, and answers with bytes written out verbatim.
//! A test's name is the promise it checks.


