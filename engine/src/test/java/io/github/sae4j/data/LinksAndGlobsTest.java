package io.github.sae4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Folders behind links, and names that look like globs. */
class LinksAndGlobsTest {
  @TempDir Path folder;

  private Path dump(String name) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Dump.npy(file, 0, 1, 2);
  }

  private List<String> names(Object... specs) throws IOException {
    List<String> texts = Arrays.stream(specs).map(Object::toString).toList();
    try (ActivationFiles files = ActivationFiles.open(texts, Optional.empty())) {
      return files.paths().stream().map(path -> folder.relativize(path).toString()).toList();
    }
  }

  @Test
  void linkedFoldersAndGlobsBelowThemAreRead() throws IOException {
    dump("data/sub/x.npy");
    Path link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("data"));
    Path sub = link.resolve("sub");
    assertEquals(List.of("link/sub/x.npy"), names(sub));
    assertEquals(List.of("link/sub/x.npy"), names(link + "/sub/*.npy"));
    assertEquals(List.of("link/sub/x.npy"), names(link + "/*/*.npy"));
    assertEquals(List.of("link/sub/x.npy"), names(link + "/**/*.npy"));
    Path linked = Files.createSymbolicLink(folder.resolve("linked"), sub);
    assertEquals(List.of("linked/x.npy"), names(linked));
    assertEquals(List.of("linked/x.npy"), names(folder + "/linke[d]/*"));
  }

  @Test
  void circlesEndAndAFileThatIsReachedTwiceCountsOnce() throws IOException {
    dump("data/x.npy");
    dump("data/deep/y.npy");
    Files.createSymbolicLink(folder.resolve("data/deep/up"), folder.resolve("data"));
    Files.createSymbolicLink(folder.resolve("data/self"), Path.of("self"));
    Files.createSymbolicLink(folder.resolve("again"), folder.resolve("data"));
    Files.createSymbolicLink(folder.resolve("data/nothing.npy"), folder.resolve("gone"));
    assertEquals(List.of("again/deep/y.npy", "again/x.npy"), names(folder + "/**/*.npy"));
    assertEquals(List.of("data/x.npy"), names(folder.resolve("data")));
  }

  @Test
  void namesWithBracketsAndBracesAreTakenAsTheyStand() throws IOException {
    dump("run[1]/x.npy");
    dump("run1/x.npy");
    dump("{a,b}/y[0].npy");
    dump("a/z.npy");
    dump("open[/x.npy");
    assertEquals(List.of("run[1]/x.npy"), names(folder + "/run[1]/*.npy"));
    assertEquals(List.of("run[1]/x.npy"), names(folder + "/run[1]"));
    assertEquals(List.of("run1/x.npy"), names(folder + "/run[1-2]/*.npy"));
    assertEquals(List.of("{a,b}/y[0].npy"), names(folder + "/{a,b}/*.npy"));
    assertEquals(List.of("{a,b}/y[0].npy"), names(folder + "/*/y[0].npy"));
    assertEquals(List.of("open[/x.npy"), names(folder + "/open[/*.npy"));
    assertEquals(List.of("open[/x.npy"), names(folder + "/*[/*.npy"));
    assertEquals(List.of("a/z.npy"), names(folder + "/{a,c}/*.npy"));
  }

  @Test
  void filesThatTorchMayHaveWrittenAreNamed() throws IOException {
    Files.write(folder.resolve("acts.bin"), new byte[10]);
    var e = assertThrows(BadFileException.class, () -> names(folder));
    assertTrue(e.getMessage().contains("'acts.bin'"), e.getMessage());
    assertTrue(e.getMessage().contains("torch.save"), e.getMessage());
  }
}
