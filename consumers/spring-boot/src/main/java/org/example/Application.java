package org.example;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/** One SAE for the whole application; any number of threads may use it at once. */
@SpringBootApplication
public class Application {
  /** Needs {@code --sae=FOLDER}. */
  public static void main(String[] args) {
    SpringApplication.run(Application.class, args).close();
  }

  @Bean
  Device device() {
    return Devices.open("auto", DeviceOptions.DEFAULT);
  }

  @Bean
  SparseAutoencoder sae(@Value("${sae}") Path folder, Device device) throws IOException {
    return SaeCheckpoint.load(folder, device);
  }

  @Bean
  CommandLineRunner demonstration(SparseAutoencoder sae, Device device) {
    return args -> {
      float[] activation = new float[sae.config().dIn()];
      Arrays.fill(activation, 0.5f);
      System.out.println(device.name() + " " + Arrays.toString(sae.encode(activation).indices()));
      if (!device.name().equals("cpu")) {
        throw new IllegalStateException("expected the SIMD kernels, got " + device.name());
      }
    };
  }
}
