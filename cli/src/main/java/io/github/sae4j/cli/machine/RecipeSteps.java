package io.github.sae4j.cli.machine;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceException;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.StepExecution;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeSet;

/**
 * How a device runs the training steps of the recipes.
 *
 * @param byRecipe the execution of each; empty if the device failed to open
 * @param failure why it did, or null
 */
public record RecipeSteps(Map<Recipe, StepExecution> byRecipe, String failure) {
  /** Any width will do: what a device fuses does not depend on it. */
  private static final int D_IN = 768;

  /** Queries a device that can run here. */
  public static RecipeSteps of(String deviceName) {
    Map<Recipe, StepExecution> found = new LinkedHashMap<>();
    try (Device device = Devices.open(deviceName, DeviceOptions.DEFAULT)) {
      for (Recipe recipe : Recipe.values()) {
        found.put(
            recipe,
            device.execution(TrainingConfig.of(recipe).stepSpec(D_IN, OptionalDouble.of(1))));
      }
      return new RecipeSteps(found, null);
    } catch (DeviceException e) {
      return new RecipeSteps(Map.of(), e.getMessage());
    }
  }

  /** One line per kind of execution, with its recipes. */
  public List<String> lines() {
    if (failure != null) {
      return List.of("training steps: unknown, " + failure);
    }
    List<String> lines = new ArrayList<>();
    for (StepExecution execution : byRecipe.values().stream().distinct().toList()) {
      TreeSet<String> recipes = new TreeSet<>();
      byRecipe.forEach(
          (recipe, of) -> {
            if (of.equals(execution)) {
              recipes.add(recipe.toString());
            }
          });
      boolean all = recipes.size() == byRecipe.size();
      lines.add(
          "training steps of "
              + (all ? "every recipe" : String.join(", ", recipes))
              + ": "
              + execution);
    }
    return lines;
  }

  /** Recipe names and how their steps run, as JSON. */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    byRecipe.forEach((recipe, execution) -> map.put(recipe.toString(), execution.toString()));
    return map;
  }
}
