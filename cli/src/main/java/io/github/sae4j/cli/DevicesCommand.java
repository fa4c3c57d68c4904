package io.github.sae4j.cli;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.machine.RecipeSteps;
import io.github.sae4j.device.DeviceInfo;
import io.github.sae4j.device.Devices;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.memory.HugePages;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code sae4j devices}. */
@Command(
    name = "devices",
    description = {
      "Lists the devices found.",
      "Says how they run training steps, which one auto takes, why others cannot run, and whether"
          + " big matrices lie in huge pages."
    },
    mixinStandardHelpOptions = true)
final class DevicesCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    CommandLineApp.quiet(); // devices are opened only to be queried
    DeviceInfo automatic = Devices.automatic();
    List<DeviceInfo> devices = Devices.list();
    if (json) {
      List<Object> list = new ArrayList<>();
      for (DeviceInfo info : devices) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("name", info.name());
        entry.put("description", info.description());
        entry.put("available", info.available());
        entry.put("reason", info.reason());
        if (info.available()) {
          entry.put("training_steps", RecipeSteps.of(info.name()).toMap());
        }
        list.add(entry);
      }
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("auto", automatic.name());
      object.put("devices", list);
      object.put("huge_pages", HugePages.description());
      CommandLineApp.print(spec, Json.line(object));
      return ExitCode.DONE;
    }
    for (DeviceInfo info : devices) {
      CommandLineApp.print(
          spec,
          String.format(
              "%-12s %s%s",
              info.name(),
              info.description(),
              info.advisable()
                  ? ""
                  : (info.available() ? " (not taken by auto: " : " (cannot run: ")
                      + info.reason()
                      + ")"));
      if (info.available()) {
        RecipeSteps.of(info.name())
            .lines()
            .forEach(line -> CommandLineApp.print(spec, "             " + line));
      }
    }
    CommandLineApp.print(
        spec, "auto takes " + automatic.name() + ", the fastest of those that can run here");
    CommandLineApp.print(spec, "huge pages: " + HugePages.description());
    return ExitCode.DONE;
  }
}
