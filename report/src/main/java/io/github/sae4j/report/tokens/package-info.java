/** The texts that rows stand for: tokens of a language model, or one text a row. */
package io.github.sae4j.report.tokens;
