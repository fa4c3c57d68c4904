package org.example.search;

import dev.langchain4j.model.embedding.onnx.allminilml6v2.AllMiniLmL6V2EmbeddingModel;

/** A text's vector, by the model that made the collection's, which runs inside this JVM. */
final class Embedding {
  private Embedding() {}

  static float[] of(String text) {
    return new AllMiniLmL6V2EmbeddingModel().embed(text).content().vector();
  }
}
