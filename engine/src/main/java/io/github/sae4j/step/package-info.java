/** Training steps as data: what a step computes, the state it changes and what it reports. */
package io.github.sae4j.step;
