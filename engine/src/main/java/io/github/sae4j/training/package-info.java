/** The trainer, initial weights and data statistics, and runs in their folders. */
package io.github.sae4j.training;
