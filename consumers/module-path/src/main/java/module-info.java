/** A program of modules: this line is all it needs to say. */
module org.example.trainer {
  requires io.github.sae4j.engine;
}
