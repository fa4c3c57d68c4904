/** Recipes, the trainer, learning-rate schedules and run folders. */
package io.github.sae4j.training;
