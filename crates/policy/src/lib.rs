//! Import and export policy: model, evaluation, reasons.
