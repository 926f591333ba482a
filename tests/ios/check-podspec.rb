# Evaluates the podspec with the least of CocoaPods and React Native that stands for them, and looks whether what it names is
# there. Run by in-root.sh.
#   usage: check-podspec.rb PODSPEC
require 'ostruct'
require 'tmpdir'

# As Pod::Specification takes it: attributes, and dependencies.
class Specification < OpenStruct
  def dependency(name)
    (self.dependencies ||= []) << name
  end
end

module Pod
  # Pod::Spec.new { |s| … }
  class Spec
    class << self
      attr_reader :last

      def new
        @last = Specification.new
        yield @last
      end
    end
  end
end

def min_ios_version_supported = '15.1'

def install_modules_dependencies(spec)
  spec.dependency 'React-Core'
end

# The repository with other files under ios/, which only Xcode makes.
def repository_with(built)
  root = File.dirname(File.expand_path(ARGV.fetch(0)))
  directory = Dir.mktmpdir
  at_exit { FileUtils.remove_entry(directory) }
  Dir.mkdir(File.join(directory, 'ios'))
  entries = Dir.children(root) - ['ios'] + (Dir.children(File.join(root, 'ios')) - built).map { |name| "ios/#{name}" }
  entries.each { |entry| File.symlink(File.join(root, entry), File.join(directory, entry)) }
  built.each { |name| Dir.mkdir(File.join(directory, 'ios', name)) }
  File.join(directory, File.basename(ARGV.fetch(0)))
end

def evaluate(podspec)
  eval(File.read(podspec), binding, podspec) # rubocop:disable Security/Eval
end

begin
  evaluate(repository_with([]))
  abort 'it says nothing of a framework that is missing' unless File.exist?('ios/SpkiPinning.xcframework')
rescue RuntimeError => e
  abort "it does not say what makes the framework: #{e}" unless e.message.include?('`npm run build:ios`')
end

podspec = repository_with(['SpkiPinning.xcframework'])
evaluate(podspec)
spec = Pod::Spec.last

problems = %i[name version summary license author homepage source platforms swift_version module_name].reject { |key| spec[key] }
problems.map! { |key| "no #{key}" }

globs = [spec.source_files, spec.private_header_files, spec.preserve_paths, spec.resource_bundles.values].flatten
globs.each do |glob|
  problems << "nothing matches #{glob}" if Dir.glob(glob, base: File.dirname(podspec)).empty?
end
problems << 'tests are among the sources' if spec.source_files.any? { |glob| Dir.glob(glob).grep(/test/i).any? }

abort problems.join("\n") unless problems.empty?
