//! The module tested as a whole: real signatures, real HTTP, and a clock turned by hand.

mod assertions;
mod external;
mod hostile;
mod refusals;
mod support;
mod token_endpoint;
