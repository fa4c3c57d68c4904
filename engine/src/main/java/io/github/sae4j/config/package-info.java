/** What training can be told: the table of its options, and their values grouped by concern. */
package io.github.sae4j.config;
