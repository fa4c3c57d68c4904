/** Sparse autoencoders on the JVM: trained, evaluated and served. */
@SuppressWarnings("module") // The modules named in `to` are built after this one.
module io.github.sae4j.engine {
  requires com.fasterxml.jackson.core;
  requires java.management;
  requires static jdk.jfr;
  requires jdk.incubator.vector;

  exports io.github.sae4j.checkpoint;
  exports io.github.sae4j.config;
  exports io.github.sae4j.data;
  exports io.github.sae4j.device;
  exports io.github.sae4j.evaluation;
  exports io.github.sae4j.format;
  exports io.github.sae4j.kernels;
  exports io.github.sae4j.memory;
  exports io.github.sae4j.numerics;
  exports io.github.sae4j.objective;
  exports io.github.sae4j.options;
  exports io.github.sae4j.parity;
  exports io.github.sae4j.sae;
  exports io.github.sae4j.step;
  exports io.github.sae4j.training;
  exports io.github.sae4j.internal.codes to
      io.github.sae4j.cli,
      io.github.sae4j.report;
  exports io.github.sae4j.internal.files to
      io.github.sae4j.cli,
      io.github.sae4j.report;
  exports io.github.sae4j.internal.folders to
      io.github.sae4j.cli,
      io.github.sae4j.report;
  exports io.github.sae4j.internal.jobs to
      io.github.sae4j.cli;
  exports io.github.sae4j.internal.json to
      io.github.sae4j.cli,
      io.github.sae4j.report;
  exports io.github.sae4j.internal.tensors to
      io.github.sae4j.cli,
      io.github.sae4j.report;
  exports io.github.sae4j.internal.layout to
      io.github.sae4j.cli;
  exports io.github.sae4j.internal.scalar to
      io.github.sae4j.tornado;

  uses io.github.sae4j.device.DeviceProvider;
  uses io.github.sae4j.format.TensorFormat;

  provides io.github.sae4j.device.DeviceProvider with
      io.github.sae4j.internal.scalar.ScalarProvider,
      io.github.sae4j.internal.vector.VectorProvider;
}
