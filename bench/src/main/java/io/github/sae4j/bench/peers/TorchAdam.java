package io.github.sae4j.bench.peers;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * {@code torch.optim.Adam} as Python runs it on a CPU: the single-tensor loop, one ATen call per
 * line, without weight decay.
 */
public final class TorchAdam implements AutoCloseable {
  private static final double BETA1 = 0.9;
  private static final double BETA2 = 0.999;
  private static final double EPSILON = 1e-8;

  private final List<Tensor> parameters;
  private final List<Tensor> means = new ArrayList<>();
  private final List<Tensor> squares = new ArrayList<>();
  private final double learningRate;
  private long step;

  /**
   * Zero moments.
   *
   * @param learningRate constant
   * @param parameters leaves that require gradients
   */
  public TorchAdam(double learningRate, List<Tensor> parameters) {
    this.learningRate = learningRate;
    this.parameters = parameters;
    for (Tensor parameter : parameters) {
      means.add(torch.zeros_like(parameter.detach()).retainReference());
      squares.add(torch.zeros_like(parameter.detach()).retainReference());
    }
  }

  /** {@code torch.nn.utils.clip_grad_norm_(parameters, 1.0)}. */
  public void clip() {
    torch.clip_grad_norm_(new TensorVector(parameters.toArray(Tensor[]::new)), 1.0);
  }

  /** {@code optimizer.step()}; gradients must exist. */
  public void step() {
    step++;
    double correction1 = 1 - Math.pow(BETA1, step);
    double root2 = Math.sqrt(1 - Math.pow(BETA2, step));
    for (int i = 0; i < parameters.size(); i++) {
      Tensor gradient = parameters.get(i).grad();
      Tensor mean = means.get(i);
      Tensor square = squares.get(i);
      mean.lerp_(gradient, Torch.number(1 - BETA1));
      square.mul_(Torch.number(BETA2));
      square.addcmul_(gradient, gradient, Torch.number(1 - BETA2));
      Tensor root = square.sqrt();
      Tensor divisor = root.div(Torch.number(root2));
      root.close();
      divisor.add_(Torch.number(EPSILON));
      parameters.get(i).addcdiv_(mean, divisor, Torch.number(-learningRate / correction1));
      // Python frees it here; the enclosing scope of the step would keep it.
      divisor.close();
    }
  }

  /** {@code optimizer.zero_grad()}: gradients are dropped, not zeroed. */
  public void zeroGrad() {
    for (Tensor parameter : parameters) {
      parameter.mutable_grad().reset();
    }
  }

  @Override
  public void close() {
    means.forEach(Tensor::close);
    squares.forEach(Tensor::close);
  }
}
