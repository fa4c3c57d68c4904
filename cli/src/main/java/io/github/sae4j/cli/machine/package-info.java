/** What a plan is held against: the machine's memory, its speed, what its device fuses. */
package io.github.sae4j.cli.machine;
