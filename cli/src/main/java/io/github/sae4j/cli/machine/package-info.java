/** What the machine can do: its memory, its speed, the steps that its device fuses. */
package io.github.sae4j.cli.machine;
