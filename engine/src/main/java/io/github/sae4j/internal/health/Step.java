package io.github.sae4j.internal.health;

import io.github.sae4j.step.StepReport;

/**
 * A step that is done.
 *
 * @param number the step, from 1
 * @param last whether it is the run's last
 * @param report losses and counts
 * @param stepSeconds time of the step itself
 * @param dataSeconds time spent waiting for its rows
 */
public record Step(
    long number, boolean last, StepReport report, double stepSeconds, double dataSeconds) {}
