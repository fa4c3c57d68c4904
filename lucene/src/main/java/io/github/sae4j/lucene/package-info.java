/**
 * Sparse codes in Lucene: a field that holds one, queries made of one, and what a hit is due to.
 */
package io.github.sae4j.lucene;
