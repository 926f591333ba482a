/** Loads a library, in a JVM of its own. */
class Load {
    public static void main(String[] arguments) {
        System.load(arguments[0]);
    }
}
