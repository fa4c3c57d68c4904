/** What training minimises: an objective is a list of terms, each a value without device memory. */
package io.github.sae4j.objective;
