require 'json'

package = JSON.parse(File.read(File.join(__dir__, 'package.json')))

# The npm package carries what is built. CocoaPods has no moment to build it in: it prepares no pods of a path.
missing = ['ios/SpkiPinning.xcframework', 'ios/Generated'].reject { |path| File.exist?(File.join(__dir__, path)) }
unless missing.empty?
  raise "#{package['name']} has no #{missing.join(' and no ')}. If this is its repository, run `npm run build:ios` in " \
        "#{__dir__}, which takes Rust and Xcode; otherwise install it from npm again."
end

Pod::Spec.new do |s|
  s.name = 'react-native-spki-pinning'
  s.module_name = 'SpkiPinning'
  s.version = package['version']
  s.summary = package['description']
  s.license = package['license']
  s.author = 'react-native-spki-pinning'
  s.homepage = 'https://www.npmjs.com/package/react-native-spki-pinning'
  s.source = { path: '.' } # by npm
  s.platforms = { ios: defined?(min_ios_version_supported) ? min_ios_version_supported : '15.1' }
  s.swift_version = '6.0'

  # The headers are for this pod's own Objective-C++: apps see the Swift.
  s.source_files = 'ios/{Apple,Core}/*.{h,mm,swift}', 'ios/Generated/*.swift'
  s.private_header_files = 'ios/Apple/*.h'
  s.preserve_paths = 'ios/FFI/*', 'ios/Generated/*.h'
  s.vendored_frameworks = 'ios/SpkiPinning.xcframework'
  s.resource_bundles = { 'SpkiPinningPrivacy' => ['ios/PrivacyInfo.xcprivacy'] }
  s.frameworks = 'Security'

  s.pod_target_xcconfig = {
    'DEFINES_MODULE' => 'YES',
    # Where ios/FFI/module.modulemap is found as the module spki_pinningFFI, which uniffi's Swift imports.
    'SWIFT_INCLUDE_PATHS' => '"$(PODS_TARGET_SRCROOT)/ios/FFI"'
  }
  # An app's Swift that imports SpkiPinning has to find that module too.
  s.user_target_xcconfig = { 'SWIFT_INCLUDE_PATHS' => "$(inherited) \"#{__dir__}/ios/FFI\"" }

  # React Native's own pods, and the settings that its C++ needs.
  install_modules_dependencies(s)
  s.dependency 'React-CoreModules'
  s.dependency 'React-RCTFBReactNativeSpec'
  s.dependency 'React-RCTNetwork'
end
