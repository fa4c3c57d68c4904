# The developer's part of bin/sae4j, which reads this file in a checkout: builds the jars that are
# missing or older than their sources. Not part of a release.
# Expects: root, java_home, tornado, die, java_release. Sets: class_path.

# Sets `jar` to the jar of the module $1, or to nothing.
find_jar() {
  jar=
  for candidate in "$root/$1"/target/sae4j-*.jar; do
    case $candidate in
      *-sources.jar | *-javadoc.jar | *-tests.jar) ;;
      *) [ -f "$candidate" ] && jar=$candidate ;;
    esac
  done
}

# Whether the jar of the module $1 exists and no source of it is newer.
is_built() {
  find_jar "$1"
  [ -n "$jar" ] &&
    [ -z "$(find "$root/$1/src/main" "$root/$1/pom.xml" "$root/pom.xml" -newer "$jar")" ]
}

all_built() {
  for module in $modules; do
    is_built "$module" || return 1
  done
}

build() {
  echo "sae4j: building ${modules} ..." >&2
  started=$root/target/launcher-started
  log=$root/target/launcher-build.log
  : >"$started"
  (
    # Maven runs on the Java found if it can, so that the machine's default java does not matter.
    if [ "$(java_release "$java_home")" -eq 25 ] && [ -x "$java_home/bin/javac" ]; then
      export JAVA25_HOME="$java_home" JAVA_HOME="$java_home"
    fi
    [ -z "$tornado" ] || export TORNADOVM_HOME="$tornado"
    cd "$root" &&
      ./mvnw -B -q -pl "$(echo "$modules" | tr ' ' ,)" -Dmaven.test.skip=true package
  ) >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    die "the build failed (its output is above)"
  }
  for module in $modules; do
    find_jar "$module"
    [ -n "$jar" ] || die "the build of $module left no jar; see $log"
    # A source saved while the build ran counts as newer.
    touch -r "$started" "$jar"
  done
}

# Builds what is missing or stale, one launcher at a time.
ensure_built() {
  all_built && return
  mkdir -p "$root/target" || die "cannot build: $root is not writable"
  lock=$root/target/launcher-lock
  if command -v flock >/dev/null 2>&1; then
    exec 9>"$lock"
    flock 9
    all_built || build
    exec 9>&-
  else
    until mkdir "$lock.d" 2>/dev/null; do
      sleep 1
      waited=$((${waited:-0} + 1))
      [ "$waited" -lt 600 ] || die "another build seems stuck; if there is none, remove $lock.d"
    done
    trap 'rmdir "$lock.d"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    all_built || build
    rmdir "$lock.d"
    trap - EXIT INT TERM
  fi
}

# Sets `class_path` to the jars of this checkout, up to date.
find_built_jars() {
  modules="engine formats-extra report cli"
  [ -z "$tornado" ] || modules="engine formats-extra report cli tornado-kernels"
  ensure_built
  find_jar engine
  class_path=$jar
  find_jar formats-extra
  class_path="$class_path:$jar"
  find_jar report
  class_path="$class_path:$jar"
  find_jar cli
  class_path="$class_path:$jar:$root/cli/target/lib/*"
  if [ -n "$tornado" ]; then
    find_jar tornado-kernels
    class_path="$class_path:$jar"
  fi
}
