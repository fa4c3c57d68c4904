/**
 * Activations in the formats that data people have: Parquet, Arrow and JSON lines. The module is
 * found by the library itself; nothing here is called by programs.
 */
package io.github.sae4j.formats;
