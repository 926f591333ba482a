/** An app as `embed` and `doctor` find it: native projects, and a configuration in its root. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Workspace } from './workspace.js';

export const PIN = 'j11z8DhQQA9fdFgx0zaqmF6yxgVf3Mf6MCgqiXKfF3E=';
export const SPARE = '/nEvpKOtI9zwouNc1f7IIHKloeuF0mIt+GkKg0P33pw=';
export const CONFIGURATION = `${JSON.stringify(
  { domains: { 'api.example.com': { publicKeyHashes: [PIN, SPARE] } }, settings: { requireBackupPin: true } },
  null,
  2,
)}\n`;

/** A project with two apps and their tests, as Xcode writes it; `resources` are entries of the first app's phase. */
export function xcodeProject(more: { objects?: string; resources?: string; target?: string } = {}): string {
  const target = (id: string, name: string, kind: string, phase: string, rest = '') => `\
		${id} /* ${name} */ = {
			isa = PBXNativeTarget;
			buildConfigurationList = CC01;
			buildPhases = (
				${phase} /* Resources */,
			);${rest}
			name = "${name}";
			productType = "com.apple.product-type.${kind}";
		};
`;
  const phase = (id: string, files: string) => `\
		${id} /* Resources */ = {
			isa = PBXResourcesBuildPhase;
			files = (${files}
			);
		};
`;
  return `// !$*UTF8*$!
{
	archiveVersion = 1;
	objects = {

/* Begin PBXBuildFile section */
		AA01 /* Images.xcassets in Resources */ = {isa = PBXBuildFile; fileRef = AA02 /* Images.xcassets */; };
/* End PBXBuildFile section */

/* Begin PBXFileReference section */
		AA02 /* Images.xcassets */ = {isa = PBXFileReference; name = "Images \\"big\\".xcassets"; path = "My App/Images.xcassets"; sourceTree = "<group>"; };
/* End PBXFileReference section */

		BB01 = {
			isa = PBXGroup;
			children = (
				BB02 /* My App */,
			);
			sourceTree = "<group>";
		};
		BB02 /* My App */ = {
			isa = PBXGroup;
			children = (
				AA02 /* Images.xcassets */,
			);
			path = "My App";
			sourceTree = "<group>";
		};
${target('DD01', 'My App', 'application', 'EE01', more.target)}${target('DD02', 'My App Beta', 'application', 'EE02')}\
${target('DD03', 'My AppTests', 'bundle.unit-test', 'EE03')}\
${phase('EE01', `\n\t\t\t\tAA01 /* Images.xcassets in Resources */,${more.resources ?? ''}`)}${phase('EE02', '')}${phase('EE03', '')}\
		CC01 = {isa = XCConfigurationList; buildConfigurations = (CC02); };
		CC02 = {isa = XCBuildConfiguration; buildSettings = {INFOPLIST_FILE = "$(SRCROOT)/My App/Info.plist"; }; };
		FF01 /* Project object */ = {isa = PBXProject; mainGroup = BB01; targets = (DD01, DD02, DD03); };
${more.objects ?? ''}	};
	rootObject = FF01 /* Project object */;
}
`;
}

export const PROJECT = 'ios/My App.xcodeproj/project.pbxproj';
export const IOS_COPY = 'ios/My App/ssl-pinning.json';
export const ANDROID_COPY = 'android/app/src/main/assets/ssl-pinning.json';

const workspace = new Workspace();
let made = 0;

/** A new app of the given files. */
export class TestApp {
  readonly directory: string;

  constructor(files: Readonly<Record<string, string>>) {
    made += 1;
    this.directory = workspace.path(`app${made}`);
    for (const [path, content] of Object.entries(files)) this.write(path, content);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), content);
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  /** Every file with its content. */
  files(): Record<string, string> {
    const entries = readdirSync(this.directory, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    return Object.fromEntries(
      files.sort().map((file) => [file.slice(this.directory.length + 1), readFileSync(file, 'utf8')]),
    );
  }
}

/** An app with both platforms and a good configuration. */
export function bareApp(files: Readonly<Record<string, string>> = {}): TestApp {
  return new TestApp({
    'ssl-pinning.json': CONFIGURATION,
    'android/app/src/main/AndroidManifest.xml': '<manifest/>',
    [PROJECT]: xcodeProject(),
    ...files,
  });
}
