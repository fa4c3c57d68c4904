package io.github.sae4j.training;

/** Mean times of the steps since the last line of the log. */
final class StepTimes {
  private double stepSeconds;
  private double dataSeconds;
  private int steps;

  void add(StepRecord step) {
    stepSeconds += step.stepSeconds();
    dataSeconds += step.dataSeconds();
    steps++;
  }

  double meanStepSeconds() {
    return stepSeconds / steps;
  }

  double meanDataSeconds() {
    return dataSeconds / steps;
  }
}
